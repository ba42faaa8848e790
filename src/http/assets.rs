//! The stylesheets, scripts and icons that pages load, compressed at build time and embedded in the
//! binary.
//!
//! `render` generates their URLs, the router looks them up. A URL contains the fingerprint of all of
//! them, so an answer may be cached forever. Earlier versions are not kept: an old URL is not found,
//! and reloading the page helps.
//!
//! A page has one script and one stylesheet. Release builds serve each as one small file, debug builds as the
//! files it was made from, so that a line in the browser's tools is a line in `assets`.

include!(concat!(env!("OUT_DIR"), "/assets/table.rs"));

/// An asset is no page: should it be opened as one, nothing in it does anything.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'";
/// The longest caching that HTTP allows: the URL changes with the content.
pub const CACHE_CONTROL: &str = "max-age=31536000, immutable";

/// One file, in those encodings in which it is smaller than plain.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    pub path: &'static str,
    pub media_type: &'static str,
    pub raw: &'static [u8],
    pub brotli: Option<&'static [u8]>,
    pub gzip: Option<&'static [u8]>,
}

impl Asset {
    /// The bytes to send for this `Accept-Encoding`, and their `Content-Encoding`.
    pub fn encoded(&self, accept_encoding: &str) -> (&'static [u8], Option<&'static str>) {
        if let (Some(bytes), true) = (self.brotli, accepts(accept_encoding, "br")) {
            (bytes, Some("br"))
        } else if let (Some(bytes), true) = (self.gzip, accepts(accept_encoding, "gzip")) {
            (bytes, Some("gzip"))
        } else {
            (self.raw, None)
        }
    }
}

/// The asset for what follows `/assets/` in a URL, if the fingerprint is the current one.
pub fn find(fingerprinted: &str) -> Option<&'static Asset> {
    let (fingerprint, path) = fingerprinted.split_once('/')?;
    (fingerprint == FINGERPRINT).then(|| by_path(path)).flatten()
}

/// The URL of an asset, or `None` if there is no asset with that path.
pub fn address(path: &str) -> Option<String> {
    by_path(path).map(|asset| format!("/assets/{FINGERPRINT}/{}", asset.path))
}

/// The URL of the script, or of the stylesheet, that a page loads: `app.js`, `pages.css`.
pub fn bundle(file: &str) -> Option<String> {
    let (_, extension) = file.rsplit_once('.')?;
    let folder = if cfg!(debug_assertions) { extension } else { "bundles" };
    address(&format!("{folder}/{file}"))
}

fn by_path(path: &str) -> Option<&'static Asset> {
    let tables: &[&'static [Asset]] =
        if cfg!(debug_assertions) { &[ASSETS, SOURCES] } else { &[ASSETS] };
    tables.iter().find_map(|table| {
        let at = table.binary_search_by_key(&path, |asset| asset.path).ok()?;
        table.get(at)
    })
}

/// Whether a header such as `gzip;q=0.8, br` accepts this encoding; `q=0` refuses it.
pub fn accepts(accept_encoding: &str, coding: &str) -> bool {
    accept_encoding.split(',').any(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let refused = parameters
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|quality| quality == 0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_only_by_its_url() {
        let address = address("bundles/pages.css").expect("there is a stylesheet");
        let asset = find(address.strip_prefix("/assets/").unwrap()).unwrap();
        assert_eq!(asset.path, "bundles/pages.css");
        assert!(find("bundles/pages.css").is_none());
        assert!(find("000000000000/bundles/pages.css").is_none());
        assert!(find(&format!("{FINGERPRINT}/css/../bundles/pages.css")).is_none());
    }

    #[test]
    fn the_smallest_accepted_encoding_is_sent() {
        let asset = by_path("bundles/pages.css").unwrap();
        assert_eq!(asset.encoded("gzip, deflate, br, zstd").1, Some("br"));
        assert_eq!(asset.encoded("gzip;q=1.0, br;q=0").1, Some("gzip"));
        assert_eq!(asset.encoded("").1, None);
    }

    #[test]
    fn the_tables_are_sorted_for_the_search() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
        assert!(SOURCES.is_sorted_by_key(|asset| asset.path));
    }

    #[test]
    fn debug_builds_serve_sources_and_release_builds_bundles() {
        for file in [
            "app.js",
            "conversation.js",
            "door.js",
            "later.js",
            "signals.js",
            "worker.js",
            "pages.css",
            "later.css",
            "find.css",
            "docs.css",
        ] {
            let (_, extension) = file.rsplit_once('.').unwrap();
            let (source, bundled) = (format!("{extension}/{file}"), format!("bundles/{file}"));
            assert!(by_path(&bundled).is_some(), "{bundled}");
            assert_eq!(by_path(&source).is_some(), cfg!(debug_assertions), "{source}");
            let path = if cfg!(debug_assertions) { source } else { bundled };
            assert_eq!(bundle(file), Some(format!("/assets/{FINGERPRINT}/{path}")));
        }
    }

    #[test]
    fn a_bundle_loads_nothing_else() {
        for bundle in ASSETS.iter().filter(|asset| asset.path.starts_with("bundles/")) {
            let text = str::from_utf8(bundle.raw).unwrap();
            // By an address that the page names, a part that is rarely used.
            let text = text.replace("import(", "").replace("!important", "");
            for word in ["import", ".js\"", "sourceMappingURL"] {
                assert!(!text.contains(word), "{} has {word}", bundle.path);
            }
        }
    }
}
