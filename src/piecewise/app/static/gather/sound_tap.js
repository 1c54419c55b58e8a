/** Sends the samples of a sound to the page, a block at a time. It runs in an audio worklet. */

// @ts-nocheck: the names of an audio worklet are not those of a page

const BLOCK = 2_048;

class SoundTap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.count = 0;
  }

  process([channels]) {
    const samples = channels?.[0];
    if (!samples) return true;
    this.block.set(samples, this.count);
    this.count += samples.length;
    if (this.count === BLOCK) {
      this.port.postMessage(this.block.slice());
      this.count = 0;
    }
    return true;
  }
}

registerProcessor("sound-tap", SoundTap);
