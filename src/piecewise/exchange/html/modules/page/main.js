/** The page: what can be given to the net, by the kind of its inputs. */

import { clearAnswer, showAnswer, thresholdChoice } from "./answer.js";
import { byId, counted, element, readable } from "./elements.js";
import { createFileInput } from "./files.js";
import { createPad } from "./pad.js";
import { showPreview } from "./preview.js";
import { createRecorder } from "./recorder.js";
import { createTextBox } from "./text_box.js";

const NAMES = 12; // classes that the first lines name

const { data } = piecewise;
const { settings } = data;
const input = byId("input");

if (isReadable()) {
  if (settings.modality === "pictures" && settings.kind === "drawings") {
    input.append(
      createPad(settings, (picture) => {
        showPreview(null);
        if (picture) showAnswer(piecewise.classify(picture));
        else clearAnswer();
      }),
    );
  }
  if (settings.modality === "sounds") input.append(createRecorder());
  if (settings.modality === "texts") input.append(createTextBox());
  input.append(createFileInput());
} else {
  const [channels, rows, columns] = data.input;
  const shape = data.reads_texts ? `${columns} tokens` : `${channels}x${rows}x${columns} numbers`;
  const text = `This net reads ${shape}, not files. Other scripts can call piecewise.logits(numbers).`;
  input.append(element("p", { text }));
}
clearAnswer();
thresholdChoice();
const more = data.classes.length - NAMES;
byId("classes").append(
  `${counted(data.classes.length, "class", "classes")}: `,
  ...data.classes.slice(0, NAMES).flatMap((name, index) => {
    return [index ? ", " : "", element("bdi", { text: readable(name) })];
  }),
  more > 0 ? ` and ${more} more` : "",
);
byId("details").append(
  element("p", { text: `Input: ${data.description}.` }),
  element("p", {}, "Layers: ", element("code", { text: data.notation })),
  element("p", { text: counted(data.parameter_count, "parameter", "parameters") }),
);
document.documentElement.dataset.ready = "";

/** Whether the page can prepare files for this net. */
function isReadable() {
  if (settings.modality === "texts") return true;
  return !data.reads_texts && (settings.shape[0] === 1 || settings.shape[0] === 3);
}
