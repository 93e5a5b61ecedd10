/** Why an image is not one that the network can be asked about, as rayling/predict/unfamiliar.py says it. */

const RADIOGRAPHY = ["CR", "DX", "DR", "RG", "RF", "OT"];
const CHEST = ["CHEST", "THORAX", "TORAX", "LUNG", "RIB"];
const LATERAL = ["LL", "RL", "LLO", "RLO", "LAT", "LATERAL"];
const LONGEST = 3; // times as long as wide

/**
 * @param {{width: number, height: number}} image
 * @param {[string, string, string] | undefined} header Modality, BodyPartExamined and ViewPosition of a DICOM file
 * @param {number} distance from the training images; above 1 out of distribution
 * @returns {string[]} the reasons; none if the image is for the network
 */
export function reasons({ width, height }, header, distance) {
  const found = header ? byHeader(...header) : [];
  if (Math.max(width, height) > LONGEST * Math.min(width, height)) {
    found.push(`${width} × ${height} pixels, expected at most ${LONGEST} times as long as wide`);
  }
  if (distance > 1) {
    const limit = `(${distance.toFixed(2)} times the limit)`;
    found.push(`unlike the X-rays that this network was trained on ${limit}: its answers mean little`);
  }
  return found;
}

function byHeader(modality, bodyPart, view) {
  const found = [];
  if (modality && !RADIOGRAPHY.includes(modality.toUpperCase())) {
    found.push(`Modality is ${modality}, expected radiography (${RADIOGRAPHY.join(", ")})`);
  }
  if (bodyPart && !CHEST.some((word) => bodyPart.toUpperCase().includes(word))) {
    found.push(`BodyPartExamined is ${bodyPart}, expected CHEST`);
  }
  if (LATERAL.includes(view.toUpperCase())) found.push(`ViewPosition is ${view}, expected a frontal view`);
  return found;
}
