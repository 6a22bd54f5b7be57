import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export interface Components {
  components: { schemas: Record<string, Record<string, unknown>> };
}

/** Checks values against a schema of an OpenAPI document, with its `$ref`s; gives the faults in words. */
export function createSchemaValidator({ components }: Components): (schema: unknown, value: unknown) => string[] {
  const ajv = new Ajv2020.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "https://api.test/openapi", components });
  const absolute = (schema: unknown) =>
    JSON.parse(JSON.stringify(schema, (key, value) => key === "$ref" ? `https://api.test/openapi${value}` : value));
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
  return (schema, value) => {
    const key = JSON.stringify(schema);
    const validate = compiled.get(key) ?? ajv.compile(absolute(schema));
    compiled.set(key, validate);
    return validate(value) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}
