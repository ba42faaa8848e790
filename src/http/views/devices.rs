//! What a session was begun with, as far as its user agent says: for people, who recognise their own by it.

use serde::Serialize;

/// Named first where several are: browsers name those that they descend from as well.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// The names of the makers; what is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    pub browser: Option<&'static str>,
    pub system: Option<&'static str>,
    /// What it calls itself, if nothing else is known.
    pub program: Option<String>,
}

impl Device {
    pub fn of(user_agent: Option<&str>) -> Self {
        let agent = user_agent.unwrap_or_default();
        let named = |names: &[(&str, &'static str)]| {
            names.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name)
        };
        let (browser, system) = (named(&BROWSERS), named(&SYSTEMS));
        let is_known = browser.is_some() || system.is_some() || agent.is_empty();
        Self { browser, system, program: (!is_known).then(|| agent.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_its_browser_and_its_system() {
        const LIKE: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, browser, system) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
                "Firefox",
                "Linux",
            ),
            (
                &format!(
                    "Mozilla/5.0 (Linux; Android 15) {LIKE} Chrome/150.0 Mobile Safari/537.36"
                ),
                "Chrome",
                "Android",
            ),
            (
                &format!(
                    "Mozilla/5.0 (Windows NT 10.0) {LIKE} Chrome/150.0 Safari/537.36 Edg/150.0"
                ),
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
                "Safari",
                "iPhone",
            ),
        ] {
            let expected = Device { browser: Some(browser), system: Some(system), program: None };
            assert_eq!(Device::of(Some(agent)), expected, "{agent}");
        }
        let program = Device::of(Some("curl/8.14")).program;
        assert_eq!(program.as_deref(), Some("curl/8.14"));
        assert_eq!(Device::of(None).program, None);
    }
}
