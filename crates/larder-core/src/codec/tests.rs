use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

const ALL: [&dyn Codec; 4] = [&Bincode, &Postcard, &Json, &MessagePack];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    balance: i64,
    wide: i128,
    widest: u128,
    small: (i8, u8, i16, u16, i32, u32),
    weight: f64,
    ratio: f32,
    letter: char,
    paid: bool,
    note: Option<String>,
    parts: Vec<Part>,
    shape: Shape,
    unit: Unit,
    number: Newtype,
    names: BTreeMap<String, Option<Shape>>,
    counts: HashMap<u32, Vec<u8>>,
    nothing: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    name: String,
    nested: Option<Box<Inner>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    name: String,
    shapes: Vec<Shape>,
}

/// A type that contains itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    branches: Vec<Tree>,
    last: Option<Box<Tree>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i64, i64),
    Box { width: u64, label: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<i64>);

/// A string of any characters, now and then a long one.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => proptest::collection::vec(any::<char>(), 0..12)
            .prop_map(|chars| chars.into_iter().collect()),
        1 => any::<char>().prop_map(|c| c.to_string().repeat((64 << 10) / c.len_utf8())),
    ]
}

/// Any float that all formats have: JSON knows no infinity and nothing that is no number.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
        prop_oneof![
            Just(f64::MAX),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE),
            Just(-0.0)
        ],
    ]
}

/// Any integer, the ends of the range more often than chance has it.
fn integer<T: Arbitrary + Clone + Debug + 'static>(ends: [T; 2]) -> impl Strategy<Value = T> {
    prop_oneof![4 => any::<T>(), 1 => proptest::sample::select(ends.to_vec())]
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Point),
        float().prop_map(Shape::Circle),
        (integer([i64::MIN, i64::MAX]), any::<i64>()).prop_map(|(a, b)| Shape::Line(a, b)),
        (integer([0, u64::MAX]), proptest::option::of(text()))
            .prop_map(|(width, label)| Shape::Box { width, label }),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let inner = (text(), proptest::collection::vec(shape(), 0..3))
        .prop_map(|(name, shapes)| Box::new(Inner { name, shapes }));
    (text(), proptest::option::of(inner)).prop_map(|(name, nested)| Part { name, nested })
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = "\\PC{0,6}".prop_map(|name| Tree {
        name,
        branches: Vec::new(),
        last: None,
    });
    leaf.prop_recursive(8, 32, 4, |tree| {
        (
            "\\PC{0,6}",
            proptest::collection::vec(tree.clone(), 0..3),
            proptest::option::of(tree.prop_map(Box::new)),
        )
            .prop_map(|(name, branches, last)| Tree {
                name,
                branches,
                last,
            })
    })
}

fn order() -> impl Strategy<Value = Order> {
    let numbers = (
        integer([0, u64::MAX]),
        integer([i64::MIN, i64::MAX]),
        integer([i128::MIN, i128::MAX]),
        integer([0, u128::MAX]),
        any::<(i8, u8, i16, u16, i32, u32)>(),
        float(),
        proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO,
    );
    let rest = (
        any::<(char, bool)>(),
        proptest::option::of(text()),
        proptest::collection::vec(part(), 0..3),
        shape(),
        proptest::option::of(any::<i64>()).prop_map(Newtype),
        proptest::collection::btree_map(text(), proptest::option::of(shape()), 0..3),
        proptest::collection::hash_map(any::<u32>(), any::<Vec<u8>>(), 0..3),
    );
    (numbers, rest).prop_map(
        |(
            (id, balance, wide, widest, small, weight, ratio),
            ((letter, paid), note, parts, shape, number, names, counts),
        )| Order {
            id,
            balance,
            wide,
            widest,
            small,
            weight,
            ratio,
            letter,
            paid,
            note,
            parts,
            shape,
            unit: Unit,
            number,
            names,
            counts,
            nothing: (),
        },
    )
}

fn written<T: Serialize>(codec: &dyn Codec, value: &T) -> Bytes {
    codec
        .encode(value)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Reads `bytes` as a `T`; whatever else they are has to be a `Decode`.
fn read<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Option<T> {
    match decode(codec, bytes) {
        Ok(value) => Some(value),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            assert!(error.message().starts_with(codec.name()), "{error}");
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn an_object_comes_back_through_every_codec(order in order()) {
        for codec in ALL {
            let again = round_trip(codec, &order);
            prop_assert_eq!(again.as_ref().ok(), Some(&order), "{}", codec.name());
        }
    }

    #[test]
    fn a_type_that_contains_itself_comes_back_through_every_codec(tree in tree()) {
        for codec in ALL {
            let again = round_trip(codec, &tree);
            prop_assert_eq!(again.as_ref().ok(), Some(&tree), "{}", codec.name());
        }
    }

    #[test]
    fn bytes_of_one_codec_are_no_panic_in_another(order in order()) {
        for writer in ALL {
            let bytes = written(writer, &order);
            for reader in ALL {
                read::<Order>(reader, &bytes);
                read::<Part>(reader, &bytes);
            }
        }
    }

    #[test]
    fn a_changed_byte_is_no_panic(order in order(), at: prop::sample::Index, to: u8) {
        for codec in ALL {
            let mut bytes = written(codec, &order).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            read::<Order>(codec, &bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_object_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for codec in ALL {
            read::<Order>(codec, &bytes);
            read::<Part>(codec, &bytes);
            read::<Vec<Shape>>(codec, &bytes);
            read::<HashMap<String, Vec<u64>>>(codec, &bytes);
            read::<(String, Option<String>, f64)>(codec, &bytes);
        }
    }
}

fn sample() -> (Part, Vec<Shape>, BTreeMap<String, i64>) {
    let inner = Inner {
        name: "Ünïcode 漢字 🙂".to_owned(),
        shapes: vec![Shape::Point],
    };
    let part = Part {
        name: "outer".to_owned(),
        nested: Some(Box::new(inner)),
    };
    let shapes = vec![
        Shape::Point,
        Shape::Circle(0.1),
        Shape::Line(i64::MIN, 3),
        Shape::Box {
            width: u64::MAX,
            label: Some("x".repeat(300)),
        },
    ];
    let map = [("a".to_owned(), 1), ("b".to_owned(), -1)];
    (part, shapes, map.into())
}

/// JSON's quick way to read a float is off by one bit for these.
#[test]
fn a_float_comes_back_to_its_last_bit() {
    for float in [1.202_395_817_191_060_5e-100_f64, 8.421_441_222_504_417e170] {
        for codec in ALL {
            let again: Option<f64> = read(codec, &written(codec, &float));
            assert_eq!(again, Some(float), "{}", codec.name());
        }
    }
}

/// All of these formats can tell: a list, a map and a struct are whole or not.
#[test]
fn truncated_bytes_are_an_error_at_every_cut() {
    for codec in ALL {
        let bytes = written(codec, &sample());
        let whole = read(codec, &bytes);
        assert_eq!(whole, Some(sample()), "{}", codec.name());
        for cut in 0..bytes.len() {
            let part: Option<(Part, Vec<Shape>, BTreeMap<String, i64>)> =
                read(codec, &bytes[..cut]);
            assert_eq!(part, None, "{} cut at {cut}", codec.name());
        }
    }
}

#[test]
fn bytes_left_over_are_an_error() {
    for codec in ALL {
        let mut bytes = written(codec, &sample()).to_vec();
        bytes.push(0);
        let longer: Option<(Part, Vec<Shape>, BTreeMap<String, i64>)> = read(codec, &bytes);
        assert_eq!(longer, None, "{}", codec.name());
    }
}

#[test]
fn bincode_refuses_bytes_left_over() {
    assert_eq!(read::<u8>(&Bincode, &[7]), Some(7));
    let error = decode::<u8>(&Bincode, &[7, 7]).expect_err("a byte is left over");
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(error.message(), "bincode: bytes are left over");
}

/// Asked to reserve this much, the allocator ends the process: that the test ends is the test.
#[test]
fn a_claimed_length_reserves_no_such_memory() {
    for power in 6..64 {
        let claim = 1_u64 << power;
        let mut bincode = vec![253];
        bincode.extend(claim.to_le_bytes());
        let postcard = postcard::to_allocvec(&claim).expect("a number");
        for (codec, mut bytes) in [(&Bincode as &dyn Codec, bincode), (&Postcard, postcard)] {
            bytes.extend([b'a'; 16]);
            refuses_as_anything(codec, &bytes);
        }
        let Ok(claim) = u32::try_from(claim) else {
            continue;
        };
        // A string, bytes, a list and a map of 32-bit length.
        for marker in [0xdb, 0xc6, 0xdd, 0xdf] {
            let mut bytes = vec![marker];
            bytes.extend(claim.to_be_bytes());
            bytes.extend([0xa0; 16]);
            refuses_as_anything(&MessagePack, &bytes);
        }
    }
}

fn refuses_as_anything(codec: &dyn Codec, bytes: &[u8]) {
    assert_eq!(read::<String>(codec, bytes), None);
    assert_eq!(read::<Vec<u8>>(codec, bytes), None);
    assert_eq!(read::<Vec<String>>(codec, bytes), None);
    assert_eq!(read::<Vec<[u64; 32]>>(codec, bytes), None);
    assert_eq!(read::<BTreeMap<String, String>>(codec, bytes), None);
    assert_eq!(read::<HashMap<String, [u64; 32]>>(codec, bytes), None);
    assert_eq!(read::<std::ffi::CString>(codec, bytes), None);
}

/// What the operating system would grant without a word is refused for its size alone.
#[test]
fn bincode_refuses_a_length_before_it_reserves_it() {
    let mut bytes = vec![253];
    bytes.extend((1_u64 << 31).to_le_bytes());
    let error = decode::<String>(&Bincode, &bytes).expect_err("nothing follows");
    assert_eq!(error.message(), "bincode: LimitExceeded");
}

/// The most that a well-formed value claims for its bytes, at the ends of each step.
#[test]
fn bincode_reads_whatever_it_wrote_around_the_steps_of_its_limit() {
    for step in [0x1000_usize, 0x1_0000] {
        for length in [step - 5, step - 4, step - 3, step, step + 1] {
            let numbers = vec![0_i128; length];
            let bytes = Bincode.encode(&numbers).expect("numbers");
            assert!(bytes.len() - length < 10, "one byte a number");
            assert!(read(&Bincode, &bytes) == Some(numbers), "{length} numbers");
        }
    }
    for step in [0x1000_usize, 0x1_0000, 0x10_0000, 0x100_0000] {
        for length in [step - 5, step, step + 1] {
            let text = "x".repeat(length);
            let bytes = Bincode.encode(&text).expect("text");
            assert!(read(&Bincode, &bytes) == Some(text), "text of {length}");
        }
    }
}

#[test]
fn lists_within_lists_beyond_any_depth_are_an_error() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Little {
        #[serde(default)]
        known: u8,
    }
    let json = format!("{{\"unknown\":{}", "[".repeat(100_000));
    assert_eq!(read::<Little>(&Json, json.as_bytes()), None);
    let mut messagepack = b"\x81\xa7unknown".to_vec();
    messagepack.extend([0x91; 100_000]);
    assert_eq!(read::<Little>(&MessagePack, &messagepack), None);
}

#[test]
fn fields_may_be_added_left_out_and_moved_where_names_are_written() {
    #[derive(Serialize)]
    struct Before {
        a: u8,
        gone: Vec<u8>,
        b: String,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct After {
        b: String,
        a: u8,
        #[serde(default)]
        new: Option<u8>,
    }
    let before = Before {
        a: 1,
        gone: vec![1, 2],
        b: "b".to_owned(),
    };
    for codec in [&Json as &dyn Codec, &MessagePack] {
        let bytes = written(codec, &before);
        let after = After {
            b: "b".to_owned(),
            a: 1,
            new: None,
        };
        assert_eq!(read(codec, &bytes), Some(after), "{}", codec.name());
    }
}

#[test]
fn what_cannot_be_written_is_an_encode_error() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    for codec in ALL {
        let error = codec.encode(&Refuses).expect_err("it refuses");
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.message().starts_with(codec.name()), "{error}");
    }
    for codec in [&Bincode as &dyn Codec, &Json, &MessagePack] {
        let error = codec.encode(&Refuses).expect_err("it refuses");
        assert!(error.message().contains("not today"), "{error}");
    }
}

#[test]
fn every_codec_is_found_by_its_number_and_its_name() {
    assert_eq!(ALL.len(), BUILT_IN.len());
    for (codec, (number, name)) in ALL.into_iter().zip(BUILT_IN) {
        assert_eq!((codec.number(), codec.name()), (number, name));
        for found in [by_number(number), named(name).ok()] {
            let found = found.map(|found| (found.number(), found.name()));
            assert_eq!(found, Some((number, name)));
        }
    }
    assert!(by_number(0).is_none() && by_number(5).is_none() && by_number(255).is_none());
}

#[test]
fn a_codec_that_is_not_there_is_named_with_what_to_do() {
    let error = named("yaml").expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_eq!(
        error.message(),
        "there is no codec `yaml`; there are: bincode, postcard, json, messagepack"
    );
    let error = missing(2);
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("feature `postcard` of larder"));
    assert!(missing(40).message().contains("number 40"));
}
