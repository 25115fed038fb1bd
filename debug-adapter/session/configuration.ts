/**
 * The launch configuration of type `eventscope`: the one place that says which fields there are, what they mean and what they are when
 * they are not given. The extension's manifest describes the same fields for launch.json.
 */
import * as v from 'valibot';
import { EventscopeError } from '../../protocol/errors.js';
import { parseKdAddress } from '../kd/link/address.js';

export const DEBUG_TYPE = 'eventscope';

const line = v.pipe(v.string('must be a text'), v.nonEmpty('must not be empty'), v.maxLength(4_096, 'is too long'));
const flag = v.boolean('must be true or false');
const path = line;

const applicationLaunch = v.strictObject(
  {
    /** Windows path or a name under the target's folder; default: the project's application. */
    program: v.optional(line),
    /** Arguments, one text each; of the sample its command first, such as ["signals", "--count", "3"]. */
    arguments: v.optional(v.array(v.string('must be a text'), 'must be a list of texts'), []),
    environment: v.optional(v.record(v.string(), v.string('must be a text'), 'must be an object of texts'), {}),
    workingFolder: v.optional(line),
  },
  'must be an object',
);
const applicationAttach = v.strictObject(
  {
    /** File name of the running process, such as eventapp.exe. */
    name: v.optional(line),
    processId: v.optional(v.pipe(v.number('must be a number'), v.integer('must be a whole number'), v.minValue(1))),
  },
  'must be an object',
);

const kernelLink = v.strictObject(
  {
    /** Where the kernel is: net:50000,key=w.x.y.z, pipe:NAME, unix:PATH, tcp:HOST:PORT, serial:DEVICE[,BAUD] or replay:FILE. */
    connect: v.pipe(
      line,
      v.rawCheck(({ dataset, addIssue }) => {
        const wrong = dataset.typed ? wrongAddress(dataset.value) : undefined;
        if (wrong !== undefined) addIssue({ message: wrong });
      }),
    ),
    /** false: waits for a target that boots, instead of stopping one that runs. */
    breakIn: v.optional(flag, true),
    /** Stay stopped once attached. */
    stopOnAttach: v.optional(flag, false),
    /** Stop before DriverEntry when the project's driver is loaded. */
    stopAtDriverEntry: v.optional(flag, false),
    /** File names of processes to debug besides the application, such as ["services.exe"]. */
    processes: v.optional(v.array(line, 'must be a list of texts'), []),
    /** The one folder of this machine that the target may read files from; without it every request for a file is refused. */
    files: v.optional(path),
    /** Record what goes over the link to this file. */
    record: v.optional(path),
  },
  'must be an object',
);
export type KernelLink = v.InferOutput<typeof kernelLink>;

function wrongAddress(text: string): string | undefined {
  try {
    parseKdAddress(text);
    return undefined;
  } catch (error) {
    if (error instanceof EventscopeError) return error.why ?? error.message;
    throw error;
  }
}

/** What a first-chance exception, or another happening that is not a breakpoint, stops at when nobody says otherwise. */
const common = {
  /** Put there by the editor. */
  type: v.optional(v.literal(DEBUG_TYPE)),
  name: v.optional(v.string()),
  /** Folder of the project; the editor gives the workspace folder. */
  project: v.optional(path),
  /** Name of a target of the settings; default: the first one. */
  target: v.optional(line),
  /** Debug the driver (its host process under Wine, the kernel elsewhere). */
  driver: v.optional(flag, true),
  /** A stop on one side holds the other debugged side too. */
  freezeOtherSide: v.optional(flag, true),
  /** Folders and `srv*` entries with symbols, besides the binaries' own folders and _NT_SYMBOL_PATH. */
  symbolPath: v.optional(v.array(line, 'must be a list of texts'), []),
  /** Path that a PDB names (or its beginning) -> path on this machine. */
  sourceMap: v.optional(v.record(v.string(), line, 'must be an object of texts'), {}),
  /** Log requests and answers to this file. */
  trace: v.optional(path),
};

const launchSchema = v.strictObject({
  ...common,
  request: v.optional(v.literal('launch'), 'launch'),
  /** false: debug the driver alone. */
  application: v.optional(v.union([applicationLaunch, v.literal(false)], 'must be an object, or false'), {}),
  build: v.optional(flag, true),
  deploy: v.optional(flag, true),
  /** Stop at the application's first line. */
  stopOnEntry: v.optional(flag, false),
  /** Load the driver anew, stopped at the first line of DriverEntry. */
  stopAtDriverEntry: v.optional(flag, false),
});
const attachSchema = v.strictObject({
  ...common,
  request: v.optional(v.literal('attach'), 'attach'),
  /** Debug a kernel over its debugging link, with nothing installed on the target; the application is then reached by it too. */
  kd: v.optional(kernelLink),
  /** Default: the project's application when it runs; false: the driver alone. */
  application: v.optional(v.union([applicationAttach, v.literal(false)], 'must be an object, or false'), {}),
});

/** The fields by request; launch.json's schema in the extension's manifest is compared with them by a test. */
export const CONFIGURATION_SCHEMAS = { launch: launchSchema, attach: attachSchema } as const;
export const NESTED_SCHEMAS = {
  launch: { application: applicationLaunch },
  attach: { application: applicationAttach, kd: kernelLink },
} as const;

export type LaunchConfiguration = v.InferOutput<typeof launchSchema>;
export type AttachConfiguration = v.InferOutput<typeof attachSchema>;
export type Configuration = LaunchConfiguration | AttachConfiguration;

/** Fields that VS Code adds to every configuration; they are not ours. */
const EDITORS_FIELDS = /^(?:__.*|noDebug|preLaunchTask|postDebugTask|internalConsoleOptions|presentation|debugServer|serverReadyAction|suppressMultipleSessionWarning|windows|linux|osx)$/; // prettier-ignore

/**
 * Checks the arguments of a launch or attach request and fills in the defaults.
 * @throws EventscopeError `debug.configuration` with the field's name in `what` and in data.field
 */
export function readConfiguration(request: 'launch' | 'attach', given: unknown): Configuration {
  const own: Record<string, unknown> = {};
  if (typeof given === 'object' && given !== null) {
    for (const [key, value] of Object.entries(given)) if (!EDITORS_FIELDS.test(key)) own[key] = value;
  }
  const result = request === 'launch' ? v.safeParse(launchSchema, own) : v.safeParse(attachSchema, own);
  if (result.success) {
    const configuration = isNoDebug(given) ? withoutDebugging(result.output) : result.output;
    const wrong = contradictionIn(configuration);
    if (wrong === undefined) return configuration;
    throw wrong;
  }
  const issue = deepest(result.issues[0]);
  const field = (issue.path ?? []).map((item) => String(item.key)).join('.');
  const isUnknown = issue.type === 'strict_object' && issue.expected === 'never';
  throw wrongField(
    field,
    isUnknown ? 'there is no such field' : issue.message,
    isUnknown ? `Known fields: ${knownFields(request, issue.path?.length ?? 1, issue.path?.[0]?.key)}.` : undefined,
  );
}

const isNoDebug = (given: unknown): boolean =>
  typeof given === 'object' && given !== null && 'noDebug' in given && given.noDebug === true;

/** "Run Without Debugging": the application alone is started and its end waited for, and the client sets no breakpoint. */
function withoutDebugging(configuration: Configuration): Configuration {
  if (configuration.request !== 'launch') return configuration;
  if (configuration.application === false) {
    throw wrongField('application', 'is false: without debugging nothing is left to run', 'Start it with debugging.');
  }
  return { ...configuration, driver: false, stopOnEntry: false, stopAtDriverEntry: false };
}

/** A union's own message hides what is wrong in the alternative that was meant. */
function deepest(issue: v.BaseIssue<unknown>): v.BaseIssue<unknown> {
  const inner = issue.issues?.find((candidate) => (candidate.path?.length ?? 0) > 0);
  if (inner === undefined) return issue;
  return { ...deepest(inner), path: [...(issue.path ?? []), ...(inner.path ?? [])] as v.BaseIssue<unknown>['path'] };
}

function contradictionIn(configuration: Configuration): EventscopeError | undefined {
  if (configuration.application === false && !configuration.driver) {
    return wrongField('driver', 'is false, and so is application: nothing is left to debug');
  }
  if (configuration.request === 'launch' && configuration.stopAtDriverEntry && !configuration.driver) {
    return wrongField('stopAtDriverEntry', 'is true, but driver is false');
  }
  return undefined;
}

function wrongField(field: string, why: string, next?: string): EventscopeError {
  return new EventscopeError({
    id: 'debug.configuration',
    what: `"${field}" in the launch configuration is not right`,
    why,
    next: next ?? 'Correct it in launch.json.',
    data: { field },
  });
}

function knownFields(request: 'launch' | 'attach', depth: number, outer: unknown): string {
  const schema = request === 'launch' ? launchSchema : attachSchema;
  if (depth > 1 && outer === 'kd') return Object.keys(kernelLink.entries).join(', ');
  const inner = request === 'launch' ? applicationLaunch : applicationAttach;
  return Object.keys(depth > 1 ? inner.entries : schema.entries).join(', ');
}
