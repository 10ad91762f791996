//! SUMMARY    What docs/scale.md reckons with: operations are one commit each, and looking costs none.

#[test]
fn an_operation_is_one_commit_and_a_look_is_none() {
    let lines = sim::cost::measure().unwrap();
    let of = |part: &str| lines.iter().find(|line| line.operation.contains(part)).unwrap().cost;
    for part in ["4 kB comes", "of 40 kB", "of 400 kB", "flag", "another host", "removed"] {
        assert!((of(part).commits - 1.0).abs() < f64::EPSILON, "{part}: {:?}", of(part));
    }
    for part in ["opened", "news", "is read"] {
        assert!(of(part).commits == 0.0 && of(part).rows_written == 0.0, "{part}: {:?}", of(part));
    }
    assert!(of("of 400 kB").bytes_written > 5.0 * of("of 40 kB").bytes_written);
}
