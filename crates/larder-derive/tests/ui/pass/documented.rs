//! A public model in a crate that insists on documentation.
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused, warnings)]

/// Models.
pub mod models {
    use larder_derive::{CacheFields, CacheModel};
    use serde::{Deserialize, Serialize};

    /// A user.
    #[derive(Debug, Serialize, Deserialize, CacheModel)]
    pub struct User {
        /// Who it is.
        #[cache(id)]
        pub id: u64,
        /// The name.
        #[cache(index)]
        pub name: String,
        /// Where from.
        #[cache(flatten)]
        pub address: Address,
        /// Private type, private field.
        #[cache(index)]
        secret: Secret,
    }

    /// An address.
    #[derive(Debug, Serialize, Deserialize, CacheFields)]
    pub struct Address {
        /// The city.
        #[cache(index)]
        pub city: String,
    }

    #[derive(Debug, Serialize, Deserialize, larder_derive::CacheValue)]
    struct Secret(u8);

    /// A generic one with nothing declared.
    #[derive(Debug, Serialize, Deserialize, CacheModel)]
    #[serde(bound = "")]
    pub struct Plain<T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static> {
        /// Who it is.
        #[cache(id)]
        pub id: (u64, String),
        /// Not in the patch.
        #[cache(skip)]
        pub rest: T,
    }

    impl User {
        /// Users with a secret.
        pub fn secretive() -> larder_core::Filter<Self> {
            <Self as larder_core::CacheModel>::FIELDS.secret.eq(Secret(1))
        }

        /// A user.
        pub fn new(id: u64, name: &str) -> Self {
            Self { id, name: name.into(), address: Address { city: "x".into() }, secret: Secret(1) }
        }
    }
}

fn main() {
    use larder_core::{CacheModel as _, Change, Patch as _};
    use models::{Plain, PlainPatch, User, UserPatch};

    let _ = User::FIELDS.name.eq("x") & User::FIELDS.address.city.eq("y");
    let _ = User::secretive();
    let mut user = User::new(1, "jo");
    let mut patch = UserPatch::default();
    patch.name = Change::Set("joan".into());
    patch.apply(&mut user).unwrap();
    assert_eq!(user.name, "joan");
    let mut plain = Plain { id: (1, "a".into()), rest: 1_u8 };
    PlainPatch::default().apply(&mut plain).unwrap();
    assert_eq!(plain.id(), (1, "a".to_owned()));
    assert_eq!(format!("{:?}", Plain::<u8>::FIELDS), "PlainFields");
}
