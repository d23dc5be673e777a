//! What the daemon tells over HTTP.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::stage::{Daemon, PATIENCE, Stage};

/// An answer.
pub(crate) struct Answer {
    status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).unwrap_or_default()
    }
}

/// Asks as any program would, over a connection of its own.
fn ask(daemon: &Daemon, method: &str, path: &str, host: &str) -> Answer {
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.into(), body: body.into() }
}

pub(crate) fn get(daemon: &Daemon, path: &str) -> Answer {
    ask(daemon, "GET", path, "localhost")
}

#[test]
fn everything_is_read_only_and_answers_by_its_own_name_alone() {
    let (_stage, daemon) = Stage::running();
    for path in ["/", "/status", "/metrics", "/healthz", "/readyz"] {
        let answer = get(&daemon, path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        let head = ask(&daemon, "HEAD", path, "localhost");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let refused = ask(&daemon, method, path, "localhost");
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), "GET, HEAD");
        }
        let lured = ask(&daemon, "GET", path, "evil.example.org");
        assert_eq!(lured.status, 421, "{path}");
        assert!(!lured.body.contains("titan"), "{}", lured.body);
    }
    let port = daemon.address().rsplit(':').next().unwrap().to_owned();
    for (host, status) in [
        (format!("localhost:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        (format!("localhost.evil.example.org:{port}"), 421),
        (format!("evil.example.org:{port}"), 421),
    ] {
        assert_eq!(ask(&daemon, "GET", "/status", &host).status, status, "{host}");
    }
    assert_eq!(get(&daemon, "/etc/passwd").status, 404);
}

#[test]
fn the_status_is_the_same_as_the_commands() {
    let (stage, daemon) = Stage::running();
    let mut over_http: Value = serde_json::from_str(&get(&daemon, "/status").body).unwrap();
    let mut by_command = stage.status();
    for moving in [&mut over_http, &mut by_command] {
        moving["live"] = Value::Null;
        moving["status"]["lastReconcile"] = Value::Null;
        for supply in moving["status"]["supplies"].as_array_mut().unwrap() {
            supply["lastSeen"] = Value::Null;
        }
    }
    assert_eq!(over_http, by_command);
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let (stage, daemon) = Stage::running();
    stage.run(&["set-target", "cluster-only-down", "--yes", "--wait"]).done();
    let answer = get(&daemon, "/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.body;
    for line in [
        "# TYPE ananke_build_info gauge",
        "# TYPE ananke_step_failures_total counter",
        "# TYPE ananke_step_duration_seconds histogram",
        "# TYPE ananke_budget_seconds summary",
        "ananke_target_info{target=\"cluster-only-down\",effective=\"cluster-only-down\",by=\"operator\"} 1",
        "ananke_condition{type=\"Ready\",status=\"True\",reason=\"ReconciliationSucceeded\"} 1",
        "ananke_unit_state{unit=\"server/titan-0a\",state=\"down\"} 1",
        "ananke_supply_status{supply=\"statera\",status=\"mains\"} 1",
        "ananke_supply_charge_ratio{supply=\"statera\"} 1.0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    for path in ["emergency", "full"] {
        let budget = format!("ananke_budget_seconds{{path=\"{path}\",quantile=\"0.95\"}} ");
        let seconds = text.lines().find_map(|line| line.strip_prefix(&budget)?.parse::<f64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 0.0), "{budget}\n{text}");
    }
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    structure(&text);
    promtool(&text);
}

/// Every sample stands under the header of its metric, every header has a sample or none at all,
/// and no sample comes twice.
fn structure(text: &str) {
    let mut seen = std::collections::BTreeSet::new();
    let mut metric = "";
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("# TYPE ") {
            metric = header.split(' ').next().unwrap();
        } else if !line.starts_with("# HELP ") {
            assert!(line.starts_with(metric), "{line} under {metric}");
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value == "+Inf" || value == "inf" || value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(name.to_owned()), "{line} comes twice");
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

/// The judge itself.
pub(crate) fn promtool(text: &str) {
    let judge = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut judge = judge.expect("missing: promtool (apt-get install prometheus)");
    judge.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let verdict = judge.wait_with_output().unwrap();
    assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
}

#[test]
fn the_page_tells_people_without_a_script() {
    let (stage, daemon) = Stage::running();
    let page = get(&daemon, "/");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = page.body;
    assert!(page.contains("<h1>Running: the cluster and its hosts are up</h1>"), "{page}");
    assert!(page.contains("class=\"good\"") && !page.contains("<script"), "{page}");
    assert!(page.len() < 32 * 1024, "{} bytes", page.len());

    stage.run(&["world", "mains", "off"]).done();
    stage.status_is("on battery", |s| s["live"]["secondsLeft"].is_u64());
    let page = get(&daemon, "/").body;
    assert!(page.contains("class=\"battery\"") && page.contains("class=\"bar\""), "{page}");
    assert!(page.contains("<p class=\"more\">Battery for "), "{page}");

    let dump = Command::new("w3m")
        .args(["-dump", "-cols", "80", &format!("http://{}/", daemon.address())])
        .output()
        .expect("missing: w3m (apt-get install w3m)");
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains("Machines") && dump.contains("titan-0a"), "{dump}");
}

#[test]
fn a_slow_reader_does_not_keep_the_daemon_from_ending() {
    let (stage, daemon) = Stage::running();
    let mut reader = TcpStream::connect(daemon.address()).unwrap();
    reader.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    daemon.terminate();
    stage.run(&["status"]).told(5);
}
