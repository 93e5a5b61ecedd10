/**
 * @typedef {{label: string, index: number, probability: number, threshold: number, present: boolean}} Finding -
 *   `index` is that of the label among the network's K; a finding is present if its probability reaches the threshold
 */

/**
 * All findings, those present first, then by probability.
 *
 * @param facts of the network
 * @param {ArrayLike<number>} probabilities (K,)
 * @returns {Finding[]}
 */
export function ranked({ labels, threshold }, probabilities) {
  const findings = labels.map((label, index) => {
    const [probability, limit] = [probabilities[index], threshold[label]];
    return { label, index, probability, threshold: limit, present: probability >= limit };
  });
  return findings.sort((one, other) => other.present - one.present || other.probability - one.probability);
}
