//! Who may sign up.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignupPolicy {
    #[default]
    Open,
    /// Whoever has a link for it.
    Invite,
    /// Anybody; but a moderator or an owner must let them in.
    Approval,
    Closed,
}

impl SignupPolicy {
    pub const ALL: [Self; 4] = [Self::Open, Self::Invite, Self::Approval, Self::Closed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Approval => "approval",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}
