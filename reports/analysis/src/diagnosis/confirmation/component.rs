//! A component that can be slowed.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::box_use::role_of;

use crate::diagnosis::{Bottleneck, Resource};

/// A component that can be slowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Name that the service gives it, or `box ROLE`.
    pub name: String,
    /// Means of slowing it.
    pub kind: ComponentKind,
    /// Metrics in `Server-Timing` that grow if requests queue for it.
    pub parts: Vec<String>,
    /// Mean time of a call at low load, in microseconds. `None` for boxes.
    pub call_us: Option<f64>,
}

/// Means of slowing a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// Each call uses more CPU time.
    Cpu,
    /// Each call waits, and keeps its connection or lock meanwhile.
    Wait,
    /// Boxes of a role get less CPU.
    Box,
}

/// Beginning of the name of boxes. A component of the service may have the name of their role.
const BOX: &str = "box ";

impl Component {
    /// Returns the boxes of a role.
    pub fn of_boxes(role: &str) -> Self {
        Self {
            name: format!("{BOX}{role}"),
            kind: ComponentKind::Box,
            parts: Vec::new(),
            call_us: None,
        }
    }

    /// Returns the role of the boxes. `None` for a component of the service.
    pub fn role(&self) -> Option<&str> {
        match self.kind {
            ComponentKind::Box => self.name.strip_prefix(BOX),
            ComponentKind::Cpu | ComponentKind::Wait => None,
        }
    }

    /// Returns whether a bottleneck is in this component, as far as the diagnosis says.
    ///
    /// A wait in a part of the service that no component has may be in any component that waits.
    pub(super) fn is_named(&self, bottleneck: &Bottleneck, all: &[Self]) -> bool {
        match bottleneck.resource {
            Resource::Cpu | Resource::SharedCpu | Resource::OneThread => {
                self.kind == ComponentKind::Cpu
            }
            Resource::BoxCpu => match &bottleneck.short_box {
                Some(name) => self.role() == Some(role_of(name)),
                None if all.iter().any(|own| own.kind == ComponentKind::Box) => {
                    self.kind == ComponentKind::Box
                }
                None => self.kind == ComponentKind::Cpu,
            },
            Resource::AtATime | Resource::Lock | Resource::Disk | Resource::Network => {
                let place = bottleneck.place.as_deref().unwrap_or_default();
                let part = place.trim_matches('`');
                match all.iter().any(|own| own.has_part(part)) {
                    true => self.has_part(part),
                    false => self.kind == ComponentKind::Wait,
                }
            }
            // A component waits for neither of the first two.
            Resource::Memory
            | Resource::Pause
            | Resource::Generator
            | Resource::NotReached
            | Resource::OtherProcesses
            | Resource::Unknown => false,
        }
    }

    fn has_part(&self, part: &str) -> bool {
        self.parts.iter().any(|own| own.eq_ignore_ascii_case(part))
    }

    /// Returns its name for a sentence.
    pub(super) fn quoted(&self) -> String {
        format!("`{}`", self.name.replace('`', "'"))
    }
}
