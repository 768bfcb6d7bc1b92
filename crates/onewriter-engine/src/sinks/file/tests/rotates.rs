use super::{World, assert_files};
use crate::sinks::file::Rotation;

#[test]
fn without_rotation_records_are_appended_in_order_over_restarts() {
    let mut world = World::new(|file| file);
    world.run("write a b c; wait 100000; write d; restart; write e; tick; write f");
    assert_files(&world, "shop.log: a b c d e f");
}

#[test]
fn a_record_that_would_exceed_the_size_begins_a_new_file() {
    let mut world = World::new(|file| file.rotation(Rotation::size(10)));
    // Five records of two bytes fill the file exactly.
    world.run("write a b c d e f g");
    assert_files(&world, "shop.1.log: a b c d e \n shop.log: f g");
}

#[test]
fn a_record_larger_than_the_size_has_a_file_of_its_own() {
    let mut world = World::new(|file| file.rotation("4 B"));
    world.run("write aaaaaaaaaa; write b c; write dddddddddd e");
    assert_files(
        &world,
        "shop.1.log: aaaaaaaaaa
         shop.2.log: b c
         shop.3.log: dddddddddd
         shop.log: e",
    );
}

#[test]
fn the_size_of_an_earlier_run_counts_and_its_index_goes_on() {
    let mut world = World::new(|file| file.rotation(Rotation::size(6)));
    world.run("write a b c d; restart; write e f; restart; write g");
    assert_files(
        &world,
        "shop.1.log: a b c
         shop.2.log: d e f
         shop.log: g",
    );
}
