//! What came of the faults of a scenario, as text.

use record::FaultRecord;

use super::{line, seconds};

/// A line for each.
pub(super) fn whole_run(faults: &[FaultRecord], text: &mut String) {
    for FaultRecord { name, resource, asked, denied, code, delay_seconds } in faults {
        let waited = delay_seconds.map(|delay| format!(" waited {} each", seconds(Some(delay))));
        let denied = code.map(|code| format!(" {denied} were denied with {code}"));
        let came: Vec<String> = waited.into_iter().chain(denied).collect();
        line(
            text,
            &format!("fault {name} of the whole run: {asked} requests to {resource},{}", came.join(",")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_a_line() {
        let fault = FaultRecord {
            name: "refusals".to_owned(),
            resource: "pods".to_owned(),
            asked: 20,
            denied: 9,
            code: Some(503),
            delay_seconds: Some(0.1),
        };
        let slow = FaultRecord { denied: 0, code: None, ..fault.clone() };
        let sure = FaultRecord { delay_seconds: None, ..fault.clone() };
        let mut text = String::new();
        whole_run(&[fault, slow, sure], &mut text);
        let lines: Vec<&str> = text.lines().collect();
        let wanted = [
            "fault refusals of the whole run: 20 requests to pods, waited 100 ms each, 9 were denied with 503",
            "fault refusals of the whole run: 20 requests to pods, waited 100 ms each",
            "fault refusals of the whole run: 20 requests to pods, 9 were denied with 503",
        ];
        assert_eq!(lines, wanted);
    }
}
