/**
 * The dimension key: array names carry their axes as a suffix in this order of letters.
 *
 * | letter | axis |
 * |---|---|
 * | N | samples of a batch, or pixels in a list |
 * | H, W | rows and columns of a map or of a patch |
 * | S | spectral steps |
 * | L | latent variables |
 * | C | channels (filters) |
 * | K | mixture components or principal components |
 * | P | parameters of a loop or an oscillator |
 *
 * `patches_NHW` is therefore samples x rows x columns, row-major (last letter fastest). Physical units are suffixes
 * too: `bias_V`, `timeoutMs`, `sizeBytes`.
 */
export const DIMENSION_KEY = "NHWSLCKP";
