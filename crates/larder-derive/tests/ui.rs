//! What the derives accept, and what they say to the rest.

#[test]
fn declarations_compile_and_work_or_say_the_fix() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
