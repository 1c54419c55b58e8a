/** The words of the swapped seats in the place Learn. */

import { counted, percent, whole } from "app/words/forms.js";

export const swapWords = {
  title: "Your partner",
  /** @param {string} name @param {string} origin */
  partner: (name, origin) =>
    ({
      seat: `Your net meets the seat ${name}.`,
      letters: "You have no partner yet: generated letters take the place of one.",
      moved: "You have no partner yet: your own samples, moved, take the place of one.",
    })[origin] ?? "",
  /** @param {number} count */
  chosenWrong: (count) =>
    `${whole.format(count)} of the letters ${count === 1 ? "was" : "were"} chosen because your net names ` +
    `${count === 1 ? "it" : "them"} wrong. So this score is lower than for other letters.`,
  how: "To swap, save your project in the place Take away and give the file to your partner. Drop the file that you get in return on this page, or open it here. It does not come among your samples.",
  draw: "Before you save it, draw ten samples for your partner, choose them in Gather and press T. They are then kept for the test: your partner's net is asked about them, and yours does not learn from them.",
  mayNot: "To swap with a person, draw five or more of each of two classes first.",
  open: "Open the file of your partner\u2026",
  leave: "Without a partner",
  dropNow: "Drop the file of your partner",
  asking: "Reading the file of your partner",
  /** @param {number} unknown @param {number} count */
  unknownWords: (unknown, count) =>
    `${whole.format(unknown)} of ${counted(count, "word", "words")} are not in your texts; the net cannot read them.`,
  asked: "What your net is asked about",
  /** @param {number} number @param {string} name */
  drawing: (number, name) => `Drawing ${whole.format(number)}: ${name}`,
  /** @param {string} name */
  drawn: (name) => `drawn ${name}`,
  /** @param {string} name @param {boolean} isRight */
  named: (name, isRight) => `named ${name}, ${isRight ? "right" : "wrong"}`,
  /** @param {number} probability */
  sure: (probability) => percent(probability),
  doubtful: "\u201cI don\u2019t know\u201d",
  /** @param {number} number @param {string} name */
  own: (number, name) => `Your drawing ${whole.format(number)}: ${name}`,
  noMistake:
    "Your net makes no mistake here, so there is nothing to explain. Ask your partner for trickier drawings. The other drawings may still fool it.",

  sureness: "How sure is it of its mistakes?",
  /** @param {number} mistakes @param {number} sure */
  surenessText: (mistakes, sure) =>
    `Your net makes ${counted(mistakes, "mistake", "mistakes")}. Of how many of them is it sure, with a probability of ${sure} or more?`,
  surenessChoices: ["none", "some", "all"],
  /** @param {string | null} said @param {string} right */
  outcome: (said, right) =>
    `${said === null ? "You did not know yet." : `You said: ${said}.`} It is: ${right}.`,
  mistakes: "The mistakes, and your nearest drawings",
  /** @param {string} label @param {string} predicted @param {number} probability */
  mistake: (label, predicted, probability) =>
    `${label} is named ${predicted}, with a probability of ${percent(probability)}.`,
  nearest: "Your drawings that the net finds most alike:",

  repair: "Which repair helps more?",
  /** @param {number} kept */
  repairText: (kept) =>
    `Either your net learns from these drawings of your partner, too. Or it learns from your own drawings only, each of them moved, turned and resized at random. Then it is asked about ${counted(kept, "other drawing", "other drawings")} of your partner.`,
  repairChoices: ["your partner's drawings", "your own, changed at random", "both are equal"],
  repairing: "Training",
  repairs: "The nets, and what they name right",
  repairHead: ["net", "first drawings", "other drawings", "has met your partner"],
  /** @type {Record<string, string>} */
  nets: {
    before: "as it was",
    partner: "with your partner's drawings",
    augmentation: "with your own, changed at random",
  },
  /** @param {number} right @param {number} count */
  ofAll: (right, count) => `${whole.format(right)} of ${whole.format(count)}`,
  learned: "learned from them",
  /** @param {boolean} hasMet */
  hasMet: (hasMet) => (hasMet ? "yes" : "no"),
  repairNote:
    "A difference of one or two drawings can be chance. A net that has met your partner says little about people it never met.",

  report: "Three sentences to hand in",
  sentences: [
    "What fooled your net, or could fool it?",
    "What did you change?",
    "How do you know that it helped?",
  ],
  save: "Save",
  saved: "Saved.",
};
