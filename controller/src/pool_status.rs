use ipam::{FamilyUsage, Usage};

/// The published counters of a pool; each stops at the largest number the API field holds.
///
/// Saturating here and not at the API keeps a pool with a /64 from being written again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// IPv4 addresses in use.
    pub assigned_v4: i64,
    /// IPv6 addresses in use.
    pub assigned_v6: i64,
    /// IPv4 addresses that can still be handed out.
    pub available_v4: i64,
    /// IPv6 addresses that can still be handed out.
    pub available_v6: i64,
}

impl From<Usage> for PoolStatus {
    fn from(usage: Usage) -> Self {
        let cut = |count: u128| i64::try_from(count).unwrap_or(i64::MAX);
        let Usage {
            v4: FamilyUsage { assigned: assigned_v4, available: available_v4, .. },
            v6: FamilyUsage { assigned: assigned_v6, available: available_v6, .. },
        } = usage;
        Self {
            assigned_v4: cut(assigned_v4),
            assigned_v6: cut(assigned_v6),
            available_v4: cut(available_v4),
            available_v6: cut(available_v6),
        }
    }
}
