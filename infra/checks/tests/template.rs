//! What is in `functions/` is deployed, and a request reaches the function whose route it matches: through API Gateway as
//! template.yaml describes it, and through `cargo lambda watch`.

use checks::fleet;
use checks::gateway::{Target, choose};
use checks::repository::{self, Deployed, deployed, entries, workspace};

fn targets(functions: &[Deployed]) -> Vec<Target> {
    functions
        .iter()
        .flat_map(|function| function.targets.clone())
        .collect()
}

#[test]
fn every_folder_is_a_package_a_binary_and_a_resource_of_one_name() {
    let (folders, workspace, functions) = (
        entries("functions").unwrap(),
        workspace().unwrap(),
        deployed().unwrap(),
    );
    for folder in &folders {
        let member = workspace
            .members
            .get(&format!("functions/{folder}"))
            .unwrap_or_else(|| panic!("Cargo.toml: functions/{folder} is not a member"));
        assert_eq!(
            &member.name, folder,
            "functions/{folder}: the package has another name"
        );
        assert_eq!(
            member.binaries,
            std::slice::from_ref(folder),
            "functions/{folder}: one binary of that name"
        );
        let resources = functions
            .iter()
            .filter(|function| function.function_name == *folder);
        assert_eq!(
            resources.count(),
            1,
            "template.yaml needs one function of that name with CodeUri target/lambda/{folder}/"
        );
    }
    for function in &functions {
        assert!(
            folders.contains(&function.name),
            "template.yaml: {} runs {}, which is not in functions/",
            function.resource,
            function.name
        );
        // A second function of one program, for another queue, has its name at the beginning of its own.
        let another = function
            .function_name
            .strip_prefix(&function.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        assert!(
            another
                && (function.function_name == function.name || !folders.contains(&function.function_name)),
            "template.yaml: {} is called {}",
            function.resource,
            function.function_name
        );
    }
}

#[test]
fn functions_with_requests_are_listed_in_the_checks() {
    for function in deployed().unwrap() {
        assert_eq!(
            !function.targets.is_empty(),
            fleet::HTTP.iter().any(|http| http.name == function.name),
            "{} gets requests by template.yaml or by infra/checks/src/fleet.rs, but not by both",
            function.name
        );
    }
}

#[test]
fn requests_reach_the_function_whose_route_they_match() {
    let (through_gateway, through_watch) = (targets(&deployed().unwrap()), workspace().unwrap().watch);
    for (name, targets) in [
        ("template.yaml", &through_gateway),
        ("Cargo.toml, watch router", &through_watch),
    ] {
        for (function, route) in fleet::routes() {
            let path = fleet::example(route);
            let target = choose(targets, route.method, &path);
            assert_eq!(
                target.map(|target| target.function.as_str()),
                Some(function),
                "{name}: {} {} goes elsewhere",
                route.method,
                route.path
            );
        }
    }
}

#[test]
fn what_no_route_matches_is_answered_by_the_docs_or_by_its_group() {
    let (through_gateway, through_watch) = (targets(&deployed().unwrap()), workspace().unwrap().watch);
    for targets in [&through_gateway, &through_watch] {
        for (path, function) in [
            ("/api/v1/nothing", "docs"),
            ("/favicon.ico", "docs"),
            ("/api/v1/eventsource", "docs"),
            ("/api/v1/events/1/nothing", "events"),
            ("/api/v1/cart/checkout/nothing", "cart"),
        ] {
            for method in ["GET", "POST", "OPTIONS"] {
                let target = choose(targets, method, path);
                assert_eq!(
                    target.map(|target| target.function.as_str()),
                    Some(function),
                    "{method} {path}"
                );
            }
        }
    }
}

#[test]
fn no_target_is_left_over() {
    let (through_gateway, through_watch) = (targets(&deployed().unwrap()), workspace().unwrap().watch);
    for (name, targets) in [
        ("template.yaml", through_gateway),
        ("Cargo.toml, watch router", through_watch),
    ] {
        for (i, target) in targets.iter().enumerate() {
            assert!(
                !targets[..i]
                    .iter()
                    .any(|other| (&other.method, &other.path) == (&target.method, &target.path)),
                "{name}: {} {} exists twice",
                target.method,
                target.path
            );
            assert!(
                fleet::HTTP
                    .iter()
                    .any(|function| function.name == target.function),
                "{name}: {} leads to {}, which has no routes",
                target.path,
                target.function
            );
            // The root and the rest of a group are one: `/api/v1/auth` has no route, but what is asked there is auth's to refuse.
            let group = target
                .path
                .trim_end_matches("/{proxy+}")
                .trim_end_matches("/{*rest}");
            let used = target.path == "$default"
                || fleet::routes().any(|(function, route)| {
                    function == target.function && fleet::example(route).starts_with(group)
                });
            assert!(
                used,
                "{name}: no route of {} needs {}",
                target.function, target.path
            );
        }
    }
}

#[test]
fn no_function_on_aws_may_call_itself() {
    let template = repository::read("template.yaml").unwrap();
    let allowed: Vec<&str> = template
        .lines()
        .filter(|line| line.contains("WEBHOOK_LOOPBACK:"))
        .map(str::trim)
        .collect();
    assert_eq!(
        allowed, ["WEBHOOK_LOOPBACK: !If [Cloud, 'false', 'true']"; 2],
        "webhooks reach the machine of a local fleet, and nothing but the public net on AWS"
    );
}

#[test]
fn what_the_fleet_cannot_tell_itself_alarms_do() {
    let template = repository::read("template.yaml").unwrap();
    let resources = template.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        (!name.starts_with([' ', '#'])).then_some(name)
    });
    let alarms: Vec<&str> = template.split("Type: AWS::CloudWatch::Alarm").skip(1).collect();
    let told = |dimension: &str| {
        let of =
            |alarm: &&&str| alarm.contains(dimension) && alarm.contains("AlarmActions: [!Ref Operators]");
        alarms.iter().filter(of).count()
    };
    let mut queues = 0;
    for queue in resources.filter(|name| name.ends_with("Dead")) {
        queues += 1;
        let dimension = format!("{{Name: QueueName, Value: !GetAtt {queue}.QueueName}}");
        assert_eq!(
            told(&dimension),
            1,
            "{queue} needs one alarm that tells the operators"
        );
    }
    assert_eq!(
        queues,
        domain::message::Queue::ALL.len(),
        "queues for what was given up"
    );
    let watchman = "{Name: FunctionName, Value: !Ref WatchmanFunction}";
    assert_eq!(
        told(watchman),
        2,
        "one for a watchman that fails, one for one that is not run"
    );
}

/// The lines of each function in the template, by its name there.
fn functions_of_the_template(template: &str) -> Vec<(String, Vec<&str>)> {
    let mut functions: Vec<(String, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in template.lines() {
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with([' ', '#']));
        if let Some(name) = name.and_then(|name| name.strip_suffix(':')) {
            inside = name.ends_with("Function");
            if inside {
                functions.push((name.to_owned(), Vec::new()));
            }
        } else if inside && let Some((_, lines)) = functions.last_mut() {
            lines.push(line);
        }
    }
    functions
}

#[test]
fn what_a_function_is_told_of_it_may_use() {
    let template = repository::read("template.yaml").unwrap();
    let functions = functions_of_the_template(&template);
    assert!(functions.len() > 20);
    for (name, lines) in functions {
        let says = |text: &str| lines.iter().any(|line| line.contains(text));
        // On AWS SES asks for the permission on the configuration set of a mail, too; the emulator does not.
        assert_eq!(
            says("MAIL_CONFIGURATION_SET:"),
            says("configuration-set/${MailReports}"),
            "{name} and the configuration set of its mails"
        );
        assert_eq!(
            says("SECRETS_ID:"),
            says("secretsmanager:GetSecretValue"),
            "{name} and the secrets of the fleet"
        );
    }
}
