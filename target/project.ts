/**
 * A project: what is built, what it is called on a target, and which targets there are. Read from the workspace's own
 * `.vscode/settings.json`, where VS Code users look for it; the command line reads the same file.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from 'jsonc-parser';
import * as v from 'valibot';
import { EventscopeError } from '../protocol/errors.js';
import { sshTargetSettings } from './ssh/settings.js';

/** A file name without folder and ending, a service's name: what Windows and a shell both take without quoting. */
const plainName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'must be letters, digits, "_", "-" or ".", at most 64 characters'),
);
const relativeOrAbsolute = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(1_024));
const defines = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a C identifier')),
  v.pipe(v.string(), v.maxLength(1_024), v.regex(/^[^\r\n]*$/, 'must be one line')),
);

const component = {
  /** C files, or folders all of whose *.c files are meant; relative to the workspace folder. */
  sources: v.optional(v.pipe(v.array(relativeOrAbsolute), v.minLength(1, 'must name at least one file or folder'))),
  /** Instead of sources: a .sys or .exe that something else builds; relative to the workspace folder. */
  binary: v.optional(relativeOrAbsolute),
  /** Of the binary; without it the PDB of the same name beside the binary is taken when there is one. */
  pdb: v.optional(relativeOrAbsolute),
  includes: v.optional(v.array(relativeOrAbsolute), []),
  /** Without folder and ending; of a binary its own by default. */
  name: v.optional(plainName),
  defines: v.optional(defines, {}),
  /** Further options of the compiler (clang's; MSBuild takes its own from the project file). */
  options: v.optional(v.array(v.pipe(v.string(), v.startsWith('-', 'must start with "-"'), v.maxLength(1_024))), []),
};

interface ComponentKeys {
  readonly sources?: readonly string[] | undefined;
  readonly binary?: string | undefined;
  readonly pdb?: string | undefined;
  readonly name?: string | undefined;
}

/** What a binary is called on the target when the settings do not say. */
function nameOf({ name, binary }: ComponentKeys): string | undefined {
  if (name !== undefined || binary === undefined) return name;
  return path.basename(binary.replaceAll('\\', '/')).replace(/\.(sys|exe)$/i, '');
}

/** What the keys of one component must be to each other; each complaint is at the key that it is about. */
function componentRules<T extends ComponentKeys>(): v.RawCheckAction<T> {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const keys: ComponentKeys = dataset.value;
    const complain = (key: 'sources' | 'name' | 'pdb', message: string): void =>
      addIssue({ message, path: [{ type: 'object', origin: 'value', input: { ...keys }, key, value: keys[key] }] });
    if ((keys.sources === undefined) === (keys.binary === undefined)) {
      complain('sources', 'must name either "sources" or "binary"');
    }
    if (!v.is(plainName, nameOf(keys))) {
      complain('name', 'must have a name: letters, digits, "_", "-" or ".", at most 64 characters');
    }
    if (keys.pdb !== undefined && keys.binary === undefined) {
      complain('pdb', 'goes with "binary" alone: a build makes its own PDB');
    }
  });
}

const withName = <T extends ComponentKeys>(keys: T): T & { sources: readonly string[]; name: string } => ({
  ...keys,
  sources: keys.sources ?? [],
  name: nameOf(keys) ?? '',
});

const driverSettings = v.pipe(
  v.strictObject({
    ...component,
    service: plainName,
    /** Win32 path of the device that answers the trace requests of eventscope_trace.h, such as \\.\EventSys. */
    device: v.optional(
      v.pipe(v.string(), v.regex(/^\\\\\.\\[^\\/]{1,200}$/, 'must be a Win32 device path such as \\\\.\\EventSys')),
    ),
  }),
  componentRules(),
  v.transform((keys) => withName(keys)),
);
const applicationSettings = v.pipe(
  v.strictObject({
    ...component,
    /** Import libraries beyond mingw's or the SDK's defaults, without prefix and ending, such as "advapi32". */
    libraries: v.optional(v.array(plainName), []),
  }),
  componentRules(),
  v.transform((keys) => withName(keys)),
);
const projectSettings = v.pipe(
  v.strictObject({ driver: driverSettings, application: applicationSettings }),
  v.forward(
    v.check(
      (project) => project.driver.name.toLowerCase() !== project.application.name.toLowerCase(),
      "must differ from the driver's name: each has a .pdb of its name",
    ),
    ['application', 'name'],
  ),
);

const wineTargetSettings = v.strictObject({
  name: plainName,
  kind: v.literal('wine'),
  /**
   * Keep the prefix's processes on one CPU: agent round trips are about four times faster. Turn it off to look for races.
   */
  oneProcessor: v.optional(v.boolean(), true),
});
const targetSettings = v.variant('kind', [wineTargetSettings, sshTargetSettings]);

export type DriverSettings = v.InferOutput<typeof driverSettings>;
export type ApplicationSettings = v.InferOutput<typeof applicationSettings>;
export type WineTargetSettings = v.InferOutput<typeof wineTargetSettings>;
export type { SshTargetSettings } from './ssh/settings.js';
export type TargetSettings = v.InferOutput<typeof targetSettings>;

export interface Project {
  /** Absolute host path of the workspace folder. */
  readonly folder: string;
  /** Everything we make in this workspace: `<folder>/.eventscope`. */
  readonly stateFolder: string;
  /** The settings file that was read; undefined when there is none. */
  readonly settingsFile: string | undefined;
  readonly driver: DriverSettings;
  readonly application: ApplicationSettings;
  /** Always holds a target named `wine`, first unless the settings say otherwise. */
  readonly targets: readonly TargetSettings[];
}

/** The sample, for a workspace that has its sources and no settings. */
const SAMPLE: v.InferOutput<typeof projectSettings> = {
  driver: {
    sources: ['driver/sys'],
    includes: ['driver/include'],
    name: 'eventsys',
    service: 'eventsys',
    device: '\\\\.\\EventSys',
    defines: { EVENTSCOPE_TRACE: '1' },
    options: ['-Werror'],
  },
  application: {
    sources: ['driver/app'],
    includes: ['driver/include'],
    name: 'eventapp',
    libraries: [],
    defines: { EVENTSCOPE_TRACE: '1' },
    options: ['-Werror'],
  },
};

const SETTINGS_LIMIT = 4 * 1024 * 1024;

/**
 * Reads the project of a workspace folder.
 * @throws EventscopeError `project.noFolder`, `project.missing` (neither settings nor the sample), `project.syntax`
 * (not JSON with comments), `project.settings` (a wrong value: file, line and key are in the message and in `data`).
 */
export async function loadProject(folder: string): Promise<Project> {
  const absolute = path.resolve(folder);
  if (!(await isFolder(absolute))) {
    throw new EventscopeError({
      id: 'project.noFolder',
      what: `${absolute} is not a folder`,
      next: 'Name the workspace folder with --workspace.',
    });
  }
  const settingsFile = path.join(absolute, '.vscode', 'settings.json');
  const text = await readSettings(settingsFile);
  const settings = text === undefined ? new Settings(settingsFile, '{}') : new Settings(settingsFile, text);
  const project = settings.read(['eventscope.project'], v.optional(projectSettings));
  const targets = settings.read(['eventscope.targets'], v.optional(v.array(targetSettings), []));
  settings.requireDistinctNames(targets);
  if (project === undefined && !(await isFolder(path.join(absolute, 'driver', 'sys')))) {
    throw new EventscopeError({
      id: 'project.missing',
      what: `${absolute} is not an Eventscope project`,
      why: `there is no "eventscope.project" in ${settingsFile} and no folder driver/sys`,
      next: 'Describe driver and application under "eventscope.project" in the workspace settings.',
    });
  }
  return {
    folder: absolute,
    stateFolder: path.join(absolute, '.eventscope'),
    settingsFile: text === undefined ? undefined : settingsFile,
    ...(project ?? SAMPLE),
    targets: targets.some((target) => target.name === 'wine')
      ? targets
      : [{ name: 'wine', kind: 'wine', oneProcessor: true }, ...targets],
  };
}

async function isFolder(candidate: string): Promise<boolean> {
  try {
    return (await stat(candidate)).isDirectory();
  } catch {
    return false;
  }
}

async function readSettings(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > SETTINGS_LIMIT) {
      throw new EventscopeError({
        id: 'project.syntax',
        what: `${file} cannot be read as settings`,
        why: `it has ${size} bytes, more than ${SETTINGS_LIMIT}`,
      });
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof EventscopeError) throw error;
    throw new EventscopeError({
      id: 'project.syntax',
      what: `${file} cannot be read`,
      why: (error as Error).message,
      cause: error,
    });
  }
}

/** One settings file, with the place of every value, so that an error can name its line. */
class Settings {
  readonly #file: string;
  readonly #text: string;
  readonly #root: Node | undefined;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.replace(/^\uFEFF/, '');
    const errors: ParseError[] = [];
    this.#root = parseTree(this.#text, errors, { allowTrailingComma: true, allowEmptyContent: true });
    const first = errors[0];
    if (first !== undefined) {
      const line = this.#lineAt(first.offset);
      throw new EventscopeError({
        id: 'project.syntax',
        what: `${file}:${line} is not JSON with comments`,
        why: printParseErrorCode(first.error),
        next: 'Correct the file; VS Code marks the place.',
        data: { file, line },
      });
    }
  }

  read<const T extends v.GenericSchema>(key: readonly [string], schema: T): v.InferOutput<T> {
    const node = this.#root === undefined ? undefined : findNodeAtLocation(this.#root, [...key]);
    const result = v.safeParse(schema, node === undefined ? undefined : (getNodeValue(node) as unknown));
    if (result.success) return result.output;
    const issue = result.issues[0];
    const location = [...key, ...(issue.path ?? []).map((item) => item.key as string | number)];
    throw this.#wrong(location, issue.message);
  }

  requireDistinctNames(targets: readonly TargetSettings[]): void {
    const seen = new Set<string>();
    for (const [index, target] of targets.entries()) {
      const name = target.name.toLowerCase();
      if (seen.has(name)) {
        throw this.#wrong(['eventscope.targets', index, 'name'], `names a second target ${target.name}`);
      }
      seen.add(name);
    }
  }

  #wrong(location: (string | number)[], message: string): EventscopeError {
    const [first, ...rest] = location;
    const key = rest.reduce<string>(
      (text, item) => (typeof item === 'number' ? `${text}[${item}]` : `${text}.${item}`),
      String(first),
    );
    const line = this.#lineOf(location);
    return new EventscopeError({
      id: 'project.settings',
      what: `The setting ${key} in ${this.#file}:${line} is wrong`,
      why: message,
      next: 'Correct it in the workspace settings.',
      data: { file: this.#file, line, key },
    });
  }

  /** Line of the value at `location`, or of the innermost value around it that is there. */
  #lineOf(location: (string | number)[]): number {
    for (let length = location.length; length > 0 && this.#root !== undefined; length--) {
      const node = findNodeAtLocation(this.#root, location.slice(0, length));
      if (node !== undefined) return this.#lineAt(node.offset);
    }
    return 1;
  }

  #lineAt(offset: number): number {
    return this.#text.slice(0, offset).split('\n').length;
  }
}
