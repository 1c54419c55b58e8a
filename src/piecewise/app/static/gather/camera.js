/** The camera: while it records, at most eight pictures a second are taken. */

import { capturePanel } from "app/gather/capture.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const INTERVAL = 125; // milliseconds between two pictures
const SIDE = 224;

export function cameraPanel() {
  const video = element("video", { muted: true, playsinline: true });
  const taken = element("div", { class: "taken" });
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  /** @type {MediaStream | null} */
  let stream = null;
  /** @type {Promise<File | null>[]} */
  let files = [];
  let timer = 0;
  const shoot = () => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (!side) return;
    const [x, y] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
    canvas.getContext("2d")?.drawImage(video, x, y, side, side, 0, 0, SIDE, SIDE);
    const name = `camera-${files.length + 1}.jpg`;
    const thumb = element("canvas", {
      class: "thumb",
      width: 48,
      height: 48,
      "aria-hidden": "true",
    });
    thumb.getContext("2d")?.drawImage(canvas, 0, 0, 48, 48);
    taken.prepend(thumb);
    while (taken.children.length > 12) taken.lastElementChild?.remove();
    files.push(
      new Promise((resolve) =>
        canvas.toBlob((blob) => resolve(blob && new File([blob], name)), "image/jpeg", 0.92),
      ),
    );
  };
  return capturePanel({
    name: "camera",
    asks: words.asksCamera,
    hold: words.holdCamera,
    view: video,
    taken,
    open: async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      video.srcObject = stream;
      await video.play();
    },
    close: () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = video.srcObject = null;
    },
    isOpen: () => stream !== null,
    begin: () => {
      files = [];
      taken.replaceChildren();
      shoot();
      timer = window.setInterval(shoot, INTERVAL);
    },
    end: async () => {
      clearInterval(timer);
      return (await Promise.all(files)).filter((one) => one !== null);
    },
  });
}
