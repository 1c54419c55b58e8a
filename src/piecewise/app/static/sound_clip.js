/** Plays a short sound that came within JSON. The policy of the page allows no data addresses. */

/** @type {HTMLAudioElement | null} */
let player = null;

/** @param {string} address a data address of a WAV file */
export function playClip(address) {
  const bytes = Uint8Array.from(atob(address.split(",")[1]), (one) => one.charCodeAt(0));
  player?.pause();
  if (player) URL.revokeObjectURL(player.src);
  player = new Audio(URL.createObjectURL(new Blob([bytes], { type: "audio/wav" })));
  return player.play();
}
