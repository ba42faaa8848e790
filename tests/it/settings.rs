//! What operators read about settings agrees with what the program does.

use snug::process::config::{Config, SETTINGS, Written};

const README: &str = include_str!("../../README.md");
const ENVIRONMENT_FILE: &str = include_str!("../../systemd/snug.env");

/// The commented-out assignments in the environment file.
fn offered() -> Vec<(&'static str, &'static str)> {
    ENVIRONMENT_FILE
        .lines()
        .filter_map(|line| line.strip_prefix("#SNUG_")?.split_once('='))
        .collect()
}

#[test]
fn every_setting_is_explained_in_the_readme_and_the_environment_file() {
    for setting in &SETTINGS {
        let mut variables = vec![setting.variable.to_owned()];
        if setting.has_file {
            variables.push(format!("{}_FILE", setting.variable));
        }
        for variable in variables {
            assert!(README.contains(&format!("`{variable}`")), "{variable} is not in the README");
            let name = variable.trim_start_matches("SNUG_");
            assert!(offered().iter().any(|(known, _)| *known == name), "{variable} is not offered");
        }
    }
}

#[test]
fn every_line_of_the_environment_file_is_valid_except_samples() {
    for (name, value) in offered() {
        let variable = format!("SNUG_{name}");
        let written = Written::variables([("HOME", "/home/ada"), (variable.as_str(), value)]);
        let result = Config::resolve(&written).map(|_| ());
        // Missing files and sample keys, which everybody knows, must not pass.
        let is_sample = name.ends_with("_FILE") || value.starts_with("replace-me");
        assert_eq!(result.is_err(), is_sample, "{variable}={value}: {result:?}");
    }
}
