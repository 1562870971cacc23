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

/// A component that was not slowed.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The component.
    pub component: Component,
    /// Reason, a clause without the name.
    pub reason: String,
}

impl LeftOut {
    /// Returns the component with the reason: "cache: it is not called".
    pub fn sentence(&self) -> String {
        format!("{}: {}", self.component.name, self.reason)
    }
}

/// Relation of a component to a bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The diagnosis names it.
    Named,
    /// The diagnosis names a place that may be in it, or elsewhere.
    Possible,
    /// The diagnosis names something else.
    Other,
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

    /// Returns whether the diagnosis says that a bottleneck is in this component. `slowed` and `left_out` are all components of the service.
    ///
    /// The place of a wait is the name of a component, or of one of its parts. The function of a profile is neither: it may belong to any
    /// component that waits.
    pub(super) fn relation(
        &self,
        bottleneck: &Bottleneck,
        slowed: &[Self],
        left_out: &[LeftOut],
    ) -> Relation {
        let all = || {
            let left_out = left_out.iter().map(|own| &own.component);
            slowed.iter().chain(left_out)
        };
        let named_if = |is_named: bool| match is_named {
            true => Relation::Named,
            false => Relation::Other,
        };
        match bottleneck.resource {
            Resource::Cpu | Resource::SharedCpu | Resource::OneThread => {
                named_if(self.kind == ComponentKind::Cpu)
            }
            Resource::BoxCpu => match &bottleneck.short_box {
                Some(name) => {
                    let is_slowed = slowed.iter().any(|own| own.role() == Some(role_of(name)));
                    match self.kind {
                        // It may run in the box.
                        ComponentKind::Cpu if !is_slowed => Relation::Possible,
                        _ => named_if(self.role() == Some(role_of(name))),
                    }
                }
                None if slowed.iter().any(|own| own.kind == ComponentKind::Box) => {
                    named_if(self.kind == ComponentKind::Box)
                }
                None => named_if(self.kind == ComponentKind::Cpu),
            },
            Resource::AtATime | Resource::Lock | Resource::Disk | Resource::Network => {
                let places = || {
                    let place = bottleneck.place.as_deref();
                    let place = place.map(|own| own.trim_matches('`'));
                    [bottleneck.part.as_deref(), place].into_iter().flatten()
                };
                match places().find(|place| all().any(|own| own.is_at(place))) {
                    Some(place) => named_if(self.is_at(place)),
                    None if self.kind == ComponentKind::Wait => Relation::Possible,
                    None => Relation::Other,
                }
            }
            // No component stands for these.
            Resource::OpenFiles
            | Resource::ListenQueue
            | Resource::Memory
            | Resource::Pause
            | Resource::Generator
            | Resource::NotReached
            | Resource::OtherProcesses
            | Resource::Unknown => Relation::Other,
        }
    }

    /// Returns whether a place is this component or one of its parts.
    fn is_at(&self, place: &str) -> bool {
        let mut names = self.parts.iter().chain([&self.name]);
        names.any(|own| own.eq_ignore_ascii_case(place))
    }

    /// Returns its name for a sentence.
    pub(super) fn quoted(&self) -> String {
        format!("`{}`", self.name.replace('`', "'"))
    }
}
