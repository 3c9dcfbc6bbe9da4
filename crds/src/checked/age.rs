use std::collections::BTreeSet;

use kube::Resource;

use crate::fault::ObjectRef;

/// Returns the objects that were `proven` before the others, and both by creation time, then by name; those without a time come
/// first.
pub(super) fn oldest_first<'a, K>(objects: &[&'a K], proven: &BTreeSet<ObjectRef>) -> Vec<&'a K>
where
    K: Resource<DynamicType = ()>,
{
    let mut sorted = objects.to_vec();
    sorted.sort_by_cached_key(|object| {
        let reference = ObjectRef::of(*object);
        let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
        (!proven.contains(&reference), created, reference.name, reference.namespace)
    });
    sorted
}
