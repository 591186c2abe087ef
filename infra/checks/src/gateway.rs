//! How a gateway chooses among routes: API Gateway for the template, `cargo lambda watch` for the router in `Cargo.toml`.

/// Where a gateway sends requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A method, or `ANY`.
    pub method: String,
    /// A path, which may end with `{proxy+}` or `{*rest}` for one or more further segments; `$default` for what matches
    /// nothing else.
    pub path: String,
    /// The function that gets the request.
    pub function: String,
}

impl Target {
    /// The part before the greedy end, if there is one.
    fn prefix(&self) -> Option<&str> {
        self.path
            .strip_suffix("{proxy+}")
            .or_else(|| self.path.strip_suffix("{*rest}"))
    }

    /// How well a request fits; the higher the better, `None` if not at all. A path in full goes before a greedy one, a
    /// longer beginning before a shorter one, a method by name before `ANY`.
    fn fit(&self, method: &str, path: &str) -> Option<(usize, bool)> {
        let by_name = self.method == method;
        if !by_name && self.method != "ANY" {
            return None;
        }
        let length = match self.prefix() {
            _ if self.path == "$default" => 0,
            _ if self.path == path => usize::MAX,
            Some(prefix) if path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()) => prefix.len(),
            _ => return None,
        };
        Some((length, by_name))
    }
}

/// The target that a request goes to.
pub fn choose<'a>(targets: &'a [Target], method: &str, path: &str) -> Option<&'a Target> {
    let fitting = targets
        .iter()
        .filter_map(|target| Some((target.fit(method, path)?, target)));
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, target)| target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_fit_wins() {
        let target = |method: &str, path: &str| Target {
            method: method.to_owned(),
            path: path.to_owned(),
            function: format!("{method} {path}"),
        };
        let targets = [
            target("ANY", "$default"),
            target("GET", "/"),
            target("ANY", "/a/{proxy+}"),
            target("ANY", "/a"),
            target("POST", "/a/b"),
            target("ANY", "/a/b/{*rest}"),
        ];
        for (method, path, function) in [
            ("GET", "/", "GET /"),
            ("POST", "/", "ANY $default"),
            ("GET", "/a", "ANY /a"),
            ("GET", "/ab", "ANY $default"),
            ("GET", "/a/b", "ANY /a/{proxy+}"),
            ("POST", "/a/b", "POST /a/b"),
            ("POST", "/a/b/c", "ANY /a/b/{*rest}"),
            ("GET", "/a/", "ANY $default"),
        ] {
            assert_eq!(
                choose(&targets, method, path).map(|target| target.function.as_str()),
                Some(function),
                "{method} {path}"
            );
        }
        assert_eq!(choose(&targets[1..2], "GET", "/x"), None);
    }
}
