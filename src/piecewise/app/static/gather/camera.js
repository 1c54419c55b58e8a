/** The camera: while it records, at most eight pictures a second are taken. */

import { Recorder } from "app/gather/recorder.js";
import { targets } from "app/gather/targets.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const INTERVAL = 125; // milliseconds between two pictures
const SIDE = 224;

export function cameraPanel() {
  const video = element("video", { muted: true, playsinline: true });
  const message = element("p", { class: "note", role: "status" });
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
  const recorder = new Recorder({
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
    changed: (isRecording) => {
      panel.classList.toggle("recording", isRecording);
      message.textContent = isRecording ? words.recording : words.holdCamera;
    },
  });
  const panel = element(
    "div",
    { class: "capture", hidden: true },
    video,
    element(
      "div",
      { class: "capture-side" },
      message,
      targets({
        hold: (folder) => recorder.start(folder),
        release: () => recorder.stop(),
      }),
      taken,
    ),
  );
  recorder.listen(() => stream !== null && panel.offsetParent !== null);
  const open = async () => {
    panel.hidden = false;
    message.textContent = words.asksCamera;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      video.srcObject = stream;
      await video.play();
      message.textContent = words.holdCamera;
    } catch (error) {
      message.textContent = words.noDevice("camera", error instanceof Error ? error.name : "");
    }
  };
  const close = () => {
    recorder.stop();
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
    panel.hidden = true;
  };
  return { panel, open, close, toggle: () => stream && recorder.toggle() };
}
