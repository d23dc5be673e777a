//! One turn of the loop, and what is told of it.

use std::sync::{Arc, OnceLock};

use ananke_core::{decision::Decision, observe::Snapshot};

use super::{Published, PublishedMetadata, status, verdict::verdict};
use crate::wiring::policy::InForce;

/// Everything that one turn of the loop has to tell.
pub struct Scene {
    /// The policy in force.
    pub in_force: Arc<InForce>,
    /// What was seen.
    pub snapshot: Arc<Snapshot>,
    /// What was decided.
    pub decision: Arc<Decision>,
    /// Steps whose calls have not come back: `unit: rung (try N)`.
    pub in_flight: Vec<String>,
    /// Whether everything was looked at once.
    pub complete: bool,
    /// What keeps the disk from taking the journal, if anything.
    pub disk: Option<String>,
    /// That what people asked for was lost or damaged, until one of them has seen to it.
    pub damage: Option<String>,
    /// The wall clock of the world, seconds since 1970.
    pub unix_seconds: i64,
    /// This machine's clock, seconds since 1970, also over a world whose time runs faster: readers
    /// tell from it whether the daemon is alive.
    pub turned_unix_seconds: i64,
}

/// What is told of a turn: written out when somebody reads it. Most turns on battery bring another
/// figure and nothing else, and are read by nobody.
pub struct Told {
    scene: Scene,
    /// What was told before: a condition keeps its time while its status stays.
    before: Option<Arc<Published>>,
    published: OnceLock<Arc<Published>>,
}

impl Told {
    pub(super) const fn new(scene: Scene, before: Option<Arc<Published>>) -> Self {
        Self { scene, before, published: OnceLock::new() }
    }

    /// The turn.
    pub const fn scene(&self) -> &Scene {
        &self.scene
    }

    /// What a reader is shown of it.
    pub fn published(&self) -> &Arc<Published> {
        self.published.get_or_init(|| {
            let scene = &self.scene;
            let before = self.before.as_deref().map(|before| &before.status);
            Arc::new(Published {
                api_version: "ananke.dev/v1alpha1".into(),
                kind: "PowerPolicy".into(),
                metadata: PublishedMetadata { name: scene.in_force.name().to_owned() },
                spec: Arc::clone(&scene.in_force.spec),
                live: status::live(scene),
                status: status::status(scene, &verdict(scene), before),
            })
        })
    }
}
