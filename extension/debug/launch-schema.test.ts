/** launch.json's schema in the manifest says what the adapter reads: the same fields, the same defaults, each with its words. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import {
  NESTED_SCHEMAS,
  CONFIGURATION_SCHEMAS,
  DEBUG_TYPE,
  readConfiguration,
} from '../../debug-adapter/session/configuration.js';

interface Attribute {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly markdownDescription?: string;
  readonly properties?: Readonly<Record<string, Attribute>>;
  readonly anyOf?: readonly { readonly properties?: Readonly<Record<string, Attribute>> }[];
}
interface DebuggerContribution {
  readonly type: string;
  readonly configurationAttributes: Readonly<
    Record<'launch' | 'attach', { readonly properties: Readonly<Record<string, Attribute>> }>
  >;
  readonly configurationSnippets: readonly { readonly body: Readonly<Record<string, unknown>> }[];
}

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const manifest = read('package.json') as {
  readonly contributes: { readonly debuggers: readonly DebuggerContribution[] };
};
const texts = read('package.nls.json') as Readonly<Record<string, string>>;
const [contribution] = manifest.contributes.debuggers;

/** Put there by the editor, which describes them itself. */
const EDITORS_OWN = ['type', 'name', 'request'];
const PROJECT_DEFAULT = { project: '${workspaceFolder}' };

function compare(
  shown: Readonly<Record<string, Attribute>>,
  entries: Readonly<Record<string, unknown>>,
  defaults: object,
) {
  assert.deepEqual(Object.keys(shown).sort(), Object.keys(entries).sort());
  for (const [field, attribute] of Object.entries(shown)) {
    const key = /^%(.+)%$/.exec(attribute.description ?? attribute.markdownDescription ?? '')?.[1];
    assert.ok(key !== undefined && (texts[key] ?? '').length > 10, `${field} is not described`);
    assert.deepEqual(attribute.default, (defaults as Record<string, unknown>)[field], `default of ${field}`);
  }
}

type ObjectSchema = v.GenericSchema & { readonly entries: Readonly<Record<string, unknown>> };
const nestedOf = (request: 'launch' | 'attach'): [string, ObjectSchema][] =>
  Object.entries<ObjectSchema>(NESTED_SCHEMAS[request]);

describe("launch.json's schema", () => {
  for (const request of ['launch', 'attach'] as const) {
    it(`has the fields of ${request} that the adapter reads, with their defaults`, () => {
      assert.ok(contribution !== undefined);
      const { properties } = contribution.configurationAttributes[request];
      const { entries } = CONFIGURATION_SCHEMAS[request];
      const fields = Object.entries(entries).filter(([name]) => !EDITORS_OWN.includes(name));
      const defaults = { ...readConfiguration(request, {}), ...PROJECT_DEFAULT, application: {} };
      compare(properties, Object.fromEntries(fields), defaults);
      for (const [field, schema] of nestedOf(request)) {
        const shown = properties[field];
        const nested = shown?.properties ?? shown?.anyOf?.find((each) => each.properties !== undefined)?.properties;
        const given = field === 'kd' ? { connect: 'pipe:kd' } : {};
        const read = v.parse(schema, given) as Record<string, unknown>;
        // What must be given has no default.
        compare(nested ?? {}, schema.entries, { ...read, connect: undefined });
      }
    });
  }

  it('has snippets that the adapter takes', () => {
    assert.ok(contribution !== undefined && contribution.type === DEBUG_TYPE);
    assert.ok(contribution.configurationSnippets.length >= 3);
    for (const { body } of contribution.configurationSnippets) {
      assert.ok(body['request'] === 'launch' || body['request'] === 'attach');
      readConfiguration(body['request'], body);
    }
  });
});
