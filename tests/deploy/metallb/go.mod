// MetalLB, for the values of its chart: nothing of it is compiled.
module clarion-test-metallb

go 1.25.0

require go.universe.tf/metallb v0.16.1
