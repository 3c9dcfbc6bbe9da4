{{- define "clarion.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "clarion.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "clarion.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "clarion.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "clarion.selectorLabels" -}}
app.kubernetes.io/name: {{ include "clarion.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "clarion.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "clarion.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The name of a component's ServiceAccount. Takes a dict of root and component. */}}
{{- define "clarion.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount }}
{{- $own := printf "%s-%s" (include "clarion.fullname" .root) .component }}
{{- if $account.create }}{{ default $own $account.name }}{{ else }}{{ default "default" $account.name }}{{ end }}
{{- end }}

{{/*
MetalLB's images cannot run here, under whatever mirror: a values file that names one means "the default image", and NOTES.txt says so.
Clarion has one image for both programs, so a repository that is called after one of them is MetalLB's unless its path says otherwise.
Takes a repository and answers "true" or nothing.
*/}}
{{- define "clarion.isForeignImage" -}}
{{- if and (regexMatch "(^|/)(metallb-?)?(controller|speaker)$" (toString .)) (not (contains "clarion" (toString .))) }}true{{ end }}
{{- end }}

{{/* The repository of both programs, as JSON: the values' unless it is MetalLB's. */}}
{{- define "clarion.commonRepository" -}}
{{- if or (not .Values.image.repository) (include "clarion.isForeignImage" .Values.image.repository) }}ghcr.io/clarion-lb/clarion{{ else }}{{ .Values.image.repository }}{{ end }}
{{- end }}

{{/*
The image of a component: its own settings go before the common ones. A tag alone is none of Clarion's: MetalLB's values have one for each
component, and Clarion's have `image.tag`. Takes a dict of root and component.
*/}}
{{- define "clarion.image" -}}
{{- $common := .root.Values.image }}
{{- $own := (index .root.Values .component).image }}
{{- if or (not $own.repository) (include "clarion.isForeignImage" $own.repository) }}{{ $own = dict }}{{ end }}
{{- $repository := default (include "clarion.commonRepository" .root) $own.repository }}
{{- $tag := default (default .root.Chart.AppVersion $common.tag) $own.tag | toString }}
{{- if hasPrefix "sha256:" $tag }}{{ printf "%s@%s" $repository $tag }}{{ else }}{{ printf "%s:%s" $repository $tag }}{{ end }}
{{- end }}

{{- define "clarion.imagePullPolicy" -}}
{{- default .root.Values.image.pullPolicy (index .root.Values .component).image.pullPolicy }}
{{- end }}

{{/* MetalLB's words for levels, in ours. */}}
{{- define "clarion.logLevel" -}}
{{- get (dict "all" "trace" "none" "off") . | default . }}
{{- end }}

{{/* A probe of /healthz or /readyz. Takes a dict of probe, path and host. */}}
{{- define "clarion.probe" -}}
httpGet:
  path: {{ .path }}
  port: health
  {{- with .host }}
  host: {{ . }}
  {{- end }}
{{- range $field := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "successThreshold" "failureThreshold" }}
{{- with index $.probe $field }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of /healthz and /readyz: one per pod, whichever probe names it. Takes a component's values. */}}
{{- define "clarion.healthPort" -}}
{{- $ports := list }}
{{- range $probe := list .livenessProbe .readinessProbe .startupProbe }}
{{- with and $probe $probe.port }}{{ $ports = append $ports (int .) | uniq }}{{ end }}
{{- end }}
{{- if gt (len $ports) 1 }}
{{- fail (printf "the port of livenessProbe, readinessProbe and startupProbe is one and the same, and the values name %s; leave one" (join " and " $ports)) }}
{{- end }}
{{- default 17472 (first $ports) }}
{{- end }}

{{/* An update strategy: parameters of a rolling update make no sense, and are refused, with any other type. */}}
{{- define "clarion.strategy" -}}
type: {{ .type }}
{{- if and (eq .type "RollingUpdate") .rollingUpdate }}
rollingUpdate:
  {{- toYaml .rollingUpdate | nindent 2 }}
{{- end }}
{{- end }}

{{/* The annotations of a component's pods. Takes a dict of root and component. */}}
{{- define "clarion.podAnnotations" -}}
{{- $prometheus := .root.Values.prometheus }}
{{- if and $prometheus.scrapeAnnotations $prometheus.metricsPort }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ $prometheus.metricsPort | quote }}
{{- end }}
{{- if and (eq .component "speaker") (include "clarion.excludedPatterns" .root) }}
checksum/excluded-interfaces: {{ include "clarion.excludedPatterns" .root | sha256sum }}
{{- end }}
{{- with (index .root.Values .component).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The interfaces to leave out that the values say, as JSON; nothing if they say none.
Speakers read them when they start, so their pods carry a checksum.
*/}}
{{- define "clarion.excludedPatterns" -}}
{{- $exclude := .Values.speaker.excludeInterfaces }}
{{- if or (not $exclude.enabled) $exclude.patterns }}{{ ternary $exclude.patterns list $exclude.enabled | toJson }}{{ end }}
{{- end }}

{{/* MetalLB's own ConfigMap goes on to count, unless the values say which interfaces to leave out. */}}
{{- define "clarion.excludedInterfaces" -}}
{{- if include "clarion.excludedPatterns" . }}{{ include "clarion.fullname" . }}-excludel2{{ else }}metallb-excludel2{{ end }}
{{- end }}

{{/* One line for each value of MetalLB's chart that is set and has no meaning here. */}}
{{- define "clarion.ignored" -}}
{{- $values := .Values }}
{{- $session := "BGP is spoken by the speaker itself, without FRR" }}
{{- $http := "metrics are served over HTTP" }}
{{- $webhook := "there is no webhook; objects are checked by their schema, and faults are conditions" }}
{{- $members := "speakers find each other on the wire; see speaker.heartbeat" }}
{{- $reasons := list
  (list "tls" $http) (list "frrk8s" $session) (list "frr-k8s" $session) (list "psp" "PodSecurityPolicy is gone from Kubernetes")
  (list "validationFailurePolicy" $webhook) (list "crds.validationFailurePolicy" $webhook)
  (list "controller.command" "the image has one program") (list "controller.webhookMode" $webhook)
  (list "controller.tlsMinVersion" $webhook) (list "controller.tlsCipherSuites" $webhook)
  (list "speaker.command" "the image has one program") (list "speaker.memberlist" $members) (list "speaker.secretName" "the key of the heartbeats is always in Secret memberlist") (list "speaker.wanConfig" $members)
  (list "speaker.bgpDebounceTimeout" $session) (list "speaker.frr" $session) (list "speaker.frrMetrics" $session)
  (list "speaker.reloader" $session) (list "speaker.initContainers" $session)
  (list "ignore-exclude-lb" "it is speaker.ignoreExcludeLB") (list "speaker.ignore-exclude-lb" "it is speaker.ignoreExcludeLB")
  (list "prometheus.serviceMonitor.prometheusRule" "it is prometheus.prometheusRule")
  (list "prometheus.rbacProxy" $http) (list "prometheus.controllerMetricsTLSSecret" $http) (list "prometheus.speakerMetricsTLSSecret" $http)
  (list "prometheus.podMonitor.tlsConfig" $http) (list "prometheus.serviceMonitor.tlsConfig" $http)
  (list "prometheus.serviceMonitor.controller.tlsConfig" $http) (list "prometheus.serviceMonitor.speaker.tlsConfig" $http) }}
{{- range $reasons }}
{{- $value := $values }}
{{- range splitList "." (first .) }}
{{- $value = kindIs "map" $value | ternary (get (default dict $value) .) nil }}
{{- end }}
{{- if $value }}
  {{ first . }}: {{ last . }}
{{- end }}
{{- end }}
{{- if include "clarion.isForeignImage" .Values.image.repository }}
  image.repository: {{ .Values.image.repository }} is MetalLB's; {{ include "clarion.commonRepository" . }} stands in its place
{{- end }}
{{- range $component := list "controller" "speaker" }}
{{- $own := (index $values $component).image }}
{{- $runs := include "clarion.image" (dict "root" $ "component" $component) }}
{{- if include "clarion.isForeignImage" $own.repository }}
  {{ $component }}.image: {{ $own.repository }} is MetalLB's; {{ $runs }} runs in its place
{{- else if and $own.tag (not $own.repository) }}
  {{ $component }}.image.tag: {{ $own.tag }} without {{ $component }}.image.repository is a tag of MetalLB's; {{ $runs }} runs. Set image.tag
{{- end }}
{{- end }}
{{- end }}

{{/* One line for each value that is taken as it is and may do harm. */}}
{{- define "clarion.warnings" -}}
{{- $repository := include "clarion.commonRepository" . }}
{{- if eq $repository "ghcr.io/clarion-lb/clarion" }}
{{- range $component := list "controller" "speaker" }}
{{- $own := (index $.Values $component).image.repository }}
{{- if and (include "clarion.isForeignImage" $own) (regexMatch "^[^/]*[.:][^/]*/" $own) (not (regexMatch "^(quay|docker)\\.io/" $own)) }}
  {{ $component }}.image: nodes that pull from {{ first (splitList "/" $own) }} alone find no image there; copy Clarion's to it and set image.repository
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.speaker.resources }}
{{- with .limits }}
{{- with .cpu }}
  speaker.resources.limits.cpu: a speaker that is throttled for 300 ms, as {{ . }} may do, loses its IPs to another node; remove the limit
{{- end }}
{{- end }}
{{- end }}
{{- end }}
