//! The frame: what is painted, and which parts of it have changed.

use super::Picker;

#[derive(Debug, Default)]
pub(super) struct Frame {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    painted: bool,
    dirty: Vec<i32>,
}

impl Frame {
    pub fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.pixels = vec![255; width * height * 4];
        self.painted = false;
    }
}

impl Picker {
    pub fn render(&mut self, now: f64) -> u32 {
        let before = self.camera.view();
        self.camera.step(now);
        let moved = before != self.camera.view();
        self.frame.pixels.fill(255);
        let (width, height) = (self.frame.width as i32, self.frame.height as i32);
        for place in self.scene.floors[usize::from(self.floor)].grid.places() {
            let (x, y) = self.camera.view().to_screen(place.x, place.y);
            let (x, y) = (x as i32, y as i32);
            if (0..width).contains(&x) && (0..height).contains(&y) {
                let at = (y as usize * self.frame.width + x as usize) * 4;
                self.frame.pixels[at..at + 3].copy_from_slice(&[40, 90, 160]);
            }
        }
        self.frame.painted = true;
        self.frame.dirty = vec![0, 0, width, height];
        1 | u32::from(self.camera.moves()) << 1 | u32::from(moved) << 4
    }

    pub fn frame(&self) -> &[u8] {
        &self.frame.pixels
    }
    pub fn frame_width(&self) -> u32 {
        self.frame.width as u32
    }
    pub fn frame_height(&self) -> u32 {
        self.frame.height as u32
    }
    pub fn dirty(&self) -> Vec<i32> {
        self.frame.dirty.clone()
    }
    pub fn minimap_resize(&mut self, _width: u32, _height: u32) {}
    pub fn minimap(&self) -> &[u8] {
        &[]
    }
    pub fn minimap_to(&mut self, x: f64, y: f64) {
        let bounds = self.scene.floors[usize::from(self.floor)].bounds;
        let at = |from: i32, size: i32, share: f64| f64::from(from) + f64::from(size) * share;
        self.camera.centre_on(at(bounds.x0, bounds.width(), x), at(bounds.y0, bounds.height(), y));
    }
    pub fn needs_texts(&mut self) -> String {
        "[]".into()
    }
    pub fn add_texts(&mut self, _metrics: &[i32], _coverage: &[u8]) {}
    pub fn reset_texts(&mut self) {}
    pub fn set_theme(&mut self, _colors: &[u32]) {}
    pub fn set_category_colors(&mut self, _colors: &[u32]) {}
    pub fn set_stage_label(&mut self, _label: &str) {}
}
