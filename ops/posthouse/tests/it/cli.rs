//! SUMMARY    What a newcomer tries: versions, help, no configuration, typos, folders of another kind.

use crate::node::{Node, ctl, posthouse, text};

#[test]
fn version_and_help_are_there() {
    let version = posthouse().arg("--version").output().unwrap();
    assert!(version.status.success() && text(&version.stdout).starts_with("posthouse 0."));
    for command in [
        vec!["--help"],
        vec!["serve", "--help"],
        vec!["demo", "--help"],
        vec!["config", "--help"],
        vec!["ctl", "--help"],
        vec!["ctl", "tenant", "--help"],
        vec!["ctl", "account", "--help"],
        vec!["ctl", "queue", "--help"],
        vec!["ctl", "queue", "retry", "--help"],
        vec!["ctl", "verify", "--help"],
    ] {
        let help = posthouse().args(&command).output().unwrap();
        assert!(help.status.success() && text(&help.stdout).contains("Usage: posthouse"), "{command:?}");
    }
    let help = posthouse().args(["serve", "--help"]).output().unwrap();
    assert!(text(&help.stdout).contains("POSTHOUSE_LISTEN_SMTP") && text(&help.stdout).contains("SIGHUP"));
}

#[test]
fn serve_without_a_configuration_says_what_to_do() {
    let output = posthouse().arg("serve").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    for hint in ["--config FILE", "posthouse config --example", "POSTHOUSE_HOSTNAME", "posthouse demo"] {
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_typo_is_wrong_usage_and_names_the_nearest() {
    let output = posthouse().arg("serve").env("POSTHOUSE_LISTEN_SMPT", "127.0.0.1:0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean POSTHOUSE_LISTEN_SMTP?"), "{}", text(&output.stderr));
}

#[test]
fn config_prints_the_example_and_what_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("posthouse.toml");
    let example = posthouse().args(["config", "--example"]).output().unwrap();
    std::fs::write(&file, &example.stdout).unwrap();
    let mut command = posthouse();
    command.args(["config", "--print", "--config"]).arg(&file);
    let variables = [("HOST", "relay.example"), ("USER", "u"), ("PASSWORD", "hunter2")];
    command.envs(variables.map(|(name, value)| (format!("POSTHOUSE_SMART_HOST_{name}"), value)));
    let output = command.output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("# POSTHOUSE_SMART_HOST_HOST") && said.contains("# default"), "{said}");
    assert!(!said.contains("hunter2") && said.contains("********"), "{said}");
}

#[test]
fn the_demo_leaves_a_folder_of_another_kind_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let output = posthouse().args(["demo", "--data"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("holds other things (thesis.txt)"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_demo_leaves_a_servers_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    Node::start(folder.path(), &[]).stop();
    let output = posthouse().args(["demo", "--data"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("holds the data of a server"), "{}", text(&output.stderr));
    assert!(!folder.path().join("demo.json").exists());
}

#[test]
fn ctl_makes_no_data_folder_and_tells_usage_from_failure() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let output = ctl(&missing, &["tenant", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("holds no Posthouse data"), "{}", text(&output.stderr));
    assert!(!missing.exists());
    for wrong in [vec!["queue", "retry"], vec!["account", "show", "nobody"], vec!["tenant", "show", "x"], vec!["fly"]] {
        assert_eq!(ctl(&missing, &wrong).status.code(), Some(2), "{wrong:?}");
    }
    let output = ctl(&missing, &["--json", "verify"]);
    assert!(text(&output.stdout).starts_with("{\"error\":") && output.status.code() == Some(1));
}
