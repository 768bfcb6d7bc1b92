//! A segment file with a valid header, then arbitrary words at arbitrary places and arbitrary frames,
//! while another thread writes more of them and cuts the file: the reader ends, with bounded output.
#![no_main]

mod image;

use image::{Deed, Image, N_RINGS};
use libfuzzer_sys::fuzz_target;
use onewriter_ring::{Queue, Reader};

fuzz_target!(|input: (Vec<Deed>, Vec<Deed>, &[u8])| {
    let (before, during, frames) = input;
    let image = Image::new(&[], frames);
    before.iter().for_each(|deed| image.suffer(*deed));
    image.while_suffering(&during, || read(image::queue()));
});

fn read(queue: &'static Queue) {
    const PASSES: usize = 3;
    let mut reader = Reader::new(queue);
    let mut n_frames = 0;
    for _ in 0..PASSES {
        reader.begin();
        for ring in reader.active().to_vec() {
            while reader.peek(ring).is_some() {
                n_frames += usize::from(reader.frame(ring).is_some());
                reader.next(ring);
            }
        }
        reader.new_sites(0, |_| ());
        let _ = reader.process(0);
        reader.losses(|_, _| ());
        let _ = (reader.waiting(), reader.has_news(), reader.counts(), reader.cursors().count());
        reader.release();
    }
    // No frame is shorter than 16 bytes, and no pass sees more than a ring of each.
    assert!(n_frames <= PASSES * (N_RINGS * (1 << 20) / 16) as usize);
    let _ = reader.take_damage();
}
