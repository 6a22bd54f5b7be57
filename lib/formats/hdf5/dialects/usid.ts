import { unprocessable } from "../../../base/errors.ts";
import { parseChannel } from "../../channel.ts";
import { isCubeShape } from "../../cube_shape.ts";
import { displayName } from "../../display_name.ts";
import { attributeReferences, attributeText } from "../hdf5_attributes.ts";
import type { Hdf5Claim, Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";
import { isReal } from "../../scalar_type.ts";
import { shoFieldsOf } from "../../sho_fit.ts";
import { readUsidDimensions, type UsidMain } from "./usid_ancillary.ts";
import { usidCube } from "./usid_cube.ts";
import { layOutUsid, usidShape } from "./usid_layout.ts";
import { formatShape } from "../../format_shape.ts";

/**
 * Universal spectroscopic and imaging data: two-dimensional main datasets (positions x steps) whose shape on the grid
 * is told by four ancillaries that they refer to, wherever those lie.
 * Source: https://pycroscopy.github.io/USID/usid_model.html
 */
export const usid: Hdf5Dialect = {
  format: "usid",
  claims(context) {
    const mains = context.tree.datasets.flatMap((dataset) => {
      const main = mainOf(context, dataset);
      return main ? [main] : [];
    });
    return mains.map((main) => claimOf(context, main, mains));
  },
};

function mainOf(context: Hdf5Context, dataset: Hdf5Dataset): UsidMain | undefined {
  if (dataset.shape.length !== 2) return undefined;
  if (attributeReferences(context.file, dataset.path, "Spectroscopic_Indices").length === 0) return undefined;
  const positions = readUsidDimensions(context, dataset.path, "Position", dataset.shape[0]);
  const steps = readUsidDimensions(context, dataset.path, "Spectroscopic", dataset.shape[1]);
  return positions && steps && { dataset, positions, steps };
}

function claimOf(context: Hdf5Context, main: UsidMain, mains: UsidMain[]): Hdf5Claim {
  const { dataset: { path, element }, positions, steps } = main;
  const sho = shoFieldsOf(element.fields);
  const shape = usidShape(positions, steps);
  const unit = attributeText(context.file, path, "units") ?? "";
  const quantity = sho ? "Piezoresponse" : attributeText(context.file, path, "quantity") ?? "";
  const complex = element.scalar?.kind === "complex";
  const readable = element.scalar ? isReal(element.scalar) : element.fields.length > 0;
  const layout = layOutUsid(positions, steps, parseChannel(undefined));
  const isCube = layout && isCubeShape([layout.row.values.length, layout.col.values.length, layout.columns_S.length]);
  const words = `${formatShape(shape)}${
    complex ? " of complex raw data" : readable ? "" : ` holding ${element.words}`
  }`;
  return {
    path,
    dataset: displayName(path),
    shape,
    quantity: displayName(quantity),
    unit: displayName(unit),
    rank: sho ? (/guess[^/]*$/i.test(path) ? 2 : 3) : 1,
    otherwise: isCube && readable ? undefined : words,
    open(channelText) {
      const channel = parseChannel(channelText);
      const chosen = layOutUsid(positions, steps, channel);
      if (chosen && readable) return usidCube(context, main, mains, { layout: chosen, channel, quantity, unit });
      if (complex) {
        const message = `${
          displayName(path)
        } holds complex raw data; expected real numbers: choose the result of a fit`;
        throw unprocessable("complex_values", message);
      }
      if (!readable) {
        throw unprocessable("not_numeric", `${displayName(path)} holds ${element.words}; expected numbers`);
      }
      const met = `${displayName(path)} is ${words}`;
      throw unprocessable("cube_needed", `${met}; expected two position axes and a spectral axis`);
    },
  };
}
