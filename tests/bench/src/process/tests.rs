use super::*;

#[test]
fn a_field_is_found_by_its_whole_name() {
    let text = "VmPeak:\t  9 kB\nVmRSS:\t  2048 kB\nnonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t17\n";
    assert_eq!(field(text, "VmRSS:").unwrap(), 2048);
    assert_eq!(field(text, "voluntary_ctxt_switches:").unwrap(), 17);
    assert!(field(text, "VmHWM:").is_err());
}

#[test]
fn this_process_has_memory_and_was_busy() {
    let id = std::process::id();
    let memory = Memory::of(id).unwrap();
    assert!(memory.resident > 0.0 && memory.peak >= memory.resident);
    assert!(Activity::of(id).unwrap().busy > Duration::ZERO);
}
