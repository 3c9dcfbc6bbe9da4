use kube::Resource;

/// Returns the objects by creation time, then by name; those without a time come first.
pub(super) fn oldest_first<'a, K: Resource>(objects: &[&'a K]) -> Vec<&'a K> {
    let mut sorted = objects.to_vec();
    sorted.sort_by(|one, other| {
        let key = |object: &'a K| {
            let meta = object.meta();
            (meta.creation_timestamp.as_ref().map(|time| time.0), meta.name.as_deref(), meta.namespace.as_deref())
        };
        key(one).cmp(&key(other))
    });
    sorted
}
