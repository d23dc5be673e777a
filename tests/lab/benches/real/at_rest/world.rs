//! Ten hosts, three hundred pods, Flux, and the documents of a coordinator.

use std::{
    fmt::Write as _,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use ananke_lab::{
    HUB_ADDRESS, HubProcess, Lab, LabName, LabSpec, NUT_PORT, Role, SECONDARY, UpsSpec, check,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::audit;
use crate::tools;

/// The host of the control plane.
pub(crate) const SERVER: &str = "n1";
/// What `configs/rbac.yaml` calls the policy.
pub(crate) const POLICY: &str = "atlas";
const SUPPLY: &str = "ups";

const BRIEF: Duration = Duration::from_secs(60);
const CLUSTER: Duration = Duration::from_secs(300);
/// A shim and its process take 6 MB; all of them start on this machine.
const PODS: Duration = Duration::from_secs(600);

pub(crate) struct World {
    // Dropped in this order: the lab last.
    _git: HubProcess,
    pub(crate) lab: Lab,
}

impl World {
    /// Brings the cluster up, with its pods running and Flux at rest.
    pub(crate) fn begin(hosts: usize, pods: usize) -> Result<Self> {
        let stack = tools::stack()?;
        let mut spec = LabSpec::new(LabName::unique()).server(SERVER);
        for number in 2..=hosts {
            spec = spec.agent(&format!("n{number}"));
        }
        let lab = Lab::up(spec.ups(UpsSpec::new(SUPPLY)).stack(stack.join("bin")))?;
        audit::begin(&lab)?;
        let git = serve_git(&lab, &stack)?;
        let world = Self { _git: git, lab };
        world.wait("all nodes are Ready", CLUSTER, |w| Ok(w.ready_nodes()? == hosts))?;
        world.apply("crds/powerpolicy.yaml")?;
        world.apply("configs/rbac.yaml")?;
        let mut flux = world.lab.command(tools::root().join("tests/lab/stack/flux/install"))?;
        flux.arg(&stack).args(["/opt/stack/bin", "/var/tmp/flux"]);
        flux.arg(format!("http://{HUB_ADDRESS}:8080/fleet.git"));
        flux.env("KUBECONFIG", world.lab.kubeconfig());
        check(&mut flux, Duration::from_secs(120)).context("Flux was not installed")?;
        world.wait("Flux has applied what is in Git", CLUSTER, Self::flux_is_ready)?;
        let others = world.pods()?;
        world.deploy(pods.saturating_sub(others))?;
        world.wait("all pods run", PODS, |w| Ok(w.pods()? >= pods))?;
        Ok(world)
    }

    /// Pods that run.
    pub(crate) fn pods(&self) -> Result<usize> {
        let chosen = "--field-selector=status.phase=Running";
        Ok(self.kubectl(&["get", "pods", "-A", chosen, "--no-headers"])?.lines().count())
    }

    /// Writes what the daemon reads; gives the configuration's path.
    pub(crate) fn documents(&self, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder.join("desired"))?;
        fs::write(folder.join("desired/atlas.yaml"), self.policy()?)?;
        private(&folder.join("kubeconfig"), &self.kubeconfig()?)?;
        let user = format!("username: {}\npassword: {}\n", SECONDARY.name, SECONDARY.password);
        private(&folder.join("nut-credentials"), &user)?;
        let mut hosts = String::new();
        for host in &self.lab.spec().hosts {
            writeln!(hosts, "    {}: {{address: {}}}", host.name, host.address())?;
        }
        let config = format!(
            "apiVersion: ananke.dev/v1alpha1\nkind: HostConfiguration\nrole: coordinator\n\
             desired: {at}/desired\npolicy: {POLICY}\nstate: {at}/state\nlisten: 127.0.0.1:9560\n\
             kubernetes: {{kubeconfig: {at}/kubeconfig}}\n\
             ssh:\n  identity: {identity}\n  knownHosts: {known}\n  user: ananke\n  hosts:\n{hosts}\
             supplies:\n  {SUPPLY}: {{ups: \"{SUPPLY}@{HUB_ADDRESS}:{NUT_PORT}\", \
             credentials: {at}/nut-credentials, poll: 1s}}\n",
            at = folder.display(),
            identity = self.lab.identity().display(),
            known = self.lab.known_hosts().display(),
        );
        let file = folder.join("ananke.yaml");
        private(&file, &config)?;
        Ok(file)
    }

    fn policy(&self) -> Result<String> {
        let mut hosts = String::new();
        for host in &self.lab.spec().hosts {
            let role = if host.role == Role::Server { "server" } else { "agent" };
            let mac = host.mac_text();
            let wake = format!("wake: {{method: wol, mac: \"{mac}\"}}");
            writeln!(hosts, "    - {{name: {}, role: {role}, {wake}}}", host.name)?;
        }
        Ok(format!(
            "apiVersion: ananke.dev/v1alpha1\nkind: PowerPolicy\nmetadata:\n  name: {POLICY}\n\
             spec:\n  target: running\n  supplies:\n    - name: {SUPPLY}\n      powers: [\"*\"]\n  \
             hosts:\n{hosts}  shutdown:\n    snapshot: {{kind: etcd}}\n"
        ))
    }

    /// The administrator's, but as the user that `configs/rbac.yaml` makes.
    fn kubeconfig(&self) -> Result<String> {
        let token = r#"go-template={{index .data "token" | base64decode}}"#;
        let mut secret = String::new();
        self.wait("the daemon's token is there", BRIEF, |w| {
            let get = ["-n", "kube-system", "get", "secret", "ananke-token", "-o", token];
            Ok(!w.kubectl(&get)?.is_empty())
        })?;
        secret +=
            &self.kubectl(&["-n", "kube-system", "get", "secret", "ananke-token", "-o", token])?;
        let text = self.kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"])?;
        let mut config: Value = serde_json::from_str(&text)?;
        config["users"][0]["user"] = json!({ "token": secret });
        Ok(config.to_string())
    }

    fn ready_nodes(&self) -> Result<usize> {
        let nodes = self.kubectl(&["get", "nodes", "--no-headers"])?;
        Ok(nodes.lines().filter(|line| line.split_whitespace().nth(1) == Some("Ready")).count())
    }

    fn flux_is_ready(&self) -> Result<bool> {
        let text = self.kubectl(&["get", "kustomizations", "-A", "-o", "json"])?;
        let list: Value = serde_json::from_str(&text)?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let ready = |object: &Value| {
            let conditions = object["status"]["conditions"].as_array();
            conditions
                .is_some_and(|c| c.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
        };
        Ok(items.len() >= 4 && items.iter().all(ready))
    }

    fn deploy(&self, replicas: usize) -> Result<()> {
        let labels = json!({"app": "crowd"});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "crowd", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1,
                         "containers": [{"name": "main", "image": "crowd"}]},
            }},
        });
        let file = self.lab.scratch()?.join("crowd.json");
        fs::write(&file, deployment.to_string())?;
        self.kubectl(&["apply", "-f", &file.display().to_string()]).map(drop)
    }

    fn apply(&self, file: &str) -> Result<()> {
        let file = tools::root().join(file).display().to_string();
        self.kubectl(&["apply", "--server-side", "-f", &file]).map(drop)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output = self.lab.kubectl(arguments)?;
        ensure!(output.ok(), "kubectl {arguments:?}: {}", output.stderr);
        Ok(output.stdout)
    }

    /// Waits; what fails meanwhile is told only if it still fails at the end.
    pub(crate) fn wait(
        &self,
        what: &str,
        deadline: Duration,
        look: impl Fn(&Self) -> Result<bool>,
    ) -> Result<()> {
        let begun = Instant::now();
        loop {
            let found = look(self);
            if matches!(found, Ok(true)) {
                println!("{:>5.0} s  {what}", begun.elapsed().as_secs_f64());
                return Ok(());
            }
            if begun.elapsed() >= deadline {
                found.with_context(|| format!("waited {deadline:?} for: {what}"))?;
                anyhow::bail!("waited {deadline:?} for: {what}");
            }
            thread::sleep(Duration::from_secs(1));
        }
    }
}

fn serve_git(lab: &Lab, stack: &Path) -> Result<HubProcess> {
    let root = lab.scratch()?.join("git");
    fs::create_dir_all(&root)?;
    let make = tools::root().join("tests/lab/stack/flux/make-repository");
    check(Command::new(make).arg(root.join("fleet.git")), BRIEF)?;
    let mut serve = lab.command(stack.join("bin/gitserve"))?;
    serve.args(["--listen", &format!("{HUB_ADDRESS}:8080"), "--root"]).arg(root);
    lab.spawn("git", &mut serve)
}

fn private(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(file, Permissions::from_mode(0o600))?;
    Ok(())
}
