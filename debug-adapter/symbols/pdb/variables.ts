/** Variables in a scope at an address: which are visible, and where each is there. */
import type { VariableLocation, VariableSymbol } from '../symbol-provider.js';
import { imageRvaOf, scopeParts } from './frames.js';
import type { PdbFile } from './pdb-file.js';
import { Amd64, frameRegister, registerWidth } from './registers.js';
import {
  type Declaration,
  type Definition,
  LocalFlag,
  type RangedDefinition,
  type Scope,
  scopeCovers,
} from './scopes.js';
import { type Procedure, rangeCovers } from './symbol-records.js';

const LOCAL_BASE_SHIFT = 14;
const PARAMETER_BASE_SHIFT = 16;
/** Parameters of the calling convention for x64 that come in registers. */
const REGISTER_PARAMETERS = [Amd64.Rcx, Amd64.Rdx, Amd64.R8, Amd64.R9] as const;

/** Where the questions are asked. */
interface Point {
  readonly pdb: PdbFile;
  readonly procedure: Procedure;
  readonly frameFlags: number;
  /** In the procedure's segment. */
  readonly offset: number;
  /** Names of the procedure's parameters, in order. */
  readonly parameters: ReadonlySet<string>;
}

/** The innermost block's first, and of one block in the order of their declaration. */
export function variablesAt(pdb: PdbFile, scope: number, imageRva: number): readonly VariableSymbol[] {
  const { module: index, record } = scopeParts(scope);
  const entry = pdb.dbi.modules()[index];
  const rva = pdb.sections.fromImage(imageRva);
  const address = rva === undefined ? undefined : pdb.sections.segmentAt(rva);
  if (entry === undefined || address === undefined) return [];
  const module = pdb.module(entry);
  const procedure = module.procedureOfRecord(record);
  if (procedure?.segment !== address.segment) return [];
  const root = module.scopes(procedure);
  const frame = findScope(root, record);
  if (frame === undefined) return [];
  const parameters = frame === root ? parameterNames(pdb, procedure, root) : new Set<string>();
  const point = { pdb, procedure, frameFlags: root.frameFlags, offset: address.offset, parameters };
  return visibleIn(point, frame, true);
}

/** Those that are marked so; compilers that do not mark them list them first, in order. */
function parameterNames(pdb: PdbFile, procedure: Procedure, root: Scope): ReadonlySet<string> {
  const marked = root.declarations.filter(({ flags }) => (flags & LocalFlag.Parameter) !== 0);
  if (marked.length > 0) return new Set(marked.map(({ name }) => name));
  const type = pdb.types.type(procedure.type);
  if (type.kind !== 'function') return new Set();
  const inFrame = root.declarations.filter(
    ({ isLocal, definitions }) =>
      !isLocal && ['register', 'registerRelative'].includes(definitions[0]?.definition.kind ?? ''),
  );
  const fixed = type.parameters.filter((parameter) => parameter !== 0).length;
  const count = fixed + (inFrame[0]?.name === 'this' ? 1 : 0);
  return new Set(inFrame.slice(0, count).map(({ name }) => name));
}

function findScope(root: Scope, record: number): Scope | undefined {
  const open = [root];
  for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
    if (scope.record === record) return scope;
    open.push(...scope.children);
  }
  return undefined;
}

/**
 * @param covers whether the scope's own range holds the address. When it does not, variables with a range of their own that does are
 *   shown all the same: optimising compilers give blocks ranges that are too short.
 */
function visibleIn(point: Point, scope: Scope, covers: boolean): VariableSymbol[] {
  const inner: VariableSymbol[] = [];
  for (const child of scope.children) {
    if (child.kind === 'block') inner.push(...visibleIn(point, child, covers && scopeCovers(child, point.offset)));
  }
  const own = new Map<string, Ranked>();
  for (const declaration of scope.declarations) {
    if ((declaration.flags & LocalFlag.CompilerGenerated) !== 0 || /^(__)?\$/.test(declaration.name)) continue;
    if (!covers && chooseDefinitions(point, declaration).every(({ range }) => range === undefined)) continue;
    const isMarked = (declaration.flags & LocalFlag.Parameter) !== 0;
    const isParameter = isMarked || (scope.kind === 'function' && point.parameters.has(declaration.name));
    const location = locationOf(point, declaration, isParameter);
    const { name, type } = declaration;
    const candidate = { variable: { name, type, isParameter, location }, rank: trust(declaration, location) };
    // One variable, described twice: by what the optimiser knows, and by its place in the frame.
    const key = `${type} ${name}`;
    own.set(key, better(own.get(key), candidate));
  }
  return [...inner, ...livingOnes([...own.values()])];
}

interface Ranked {
  readonly variable: VariableSymbol;
  readonly rank: number;
}

function better(known: Ranked | undefined, candidate: Ranked): Ranked {
  if (known === undefined) return candidate;
  const { variable, rank } = candidate.rank > known.rank ? candidate : known;
  const isParameter = known.variable.isParameter || candidate.variable.isParameter;
  return { variable: { ...variable, isParameter }, rank };
}

/** Optimising compilers list variables of several blocks in one: of equal names those that are nowhere now are another block's. */
function livingOnes(variables: readonly Ranked[]): readonly VariableSymbol[] {
  const living = new Set(variables.filter(({ rank }) => rank > 0).map(({ variable }) => variable.name));
  return variables
    .filter(({ variable, rank }) => rank > 0 || !living.has(variable.name))
    .map(({ variable }) => variable);
}

function trust(declaration: Declaration, location: VariableLocation): number {
  if (location.kind === 'unavailable') return 0;
  // clang writes a constant for a variable that has this value somewhere, not everywhere.
  if (location.kind === 'constant') return 1;
  return declaration.isLocal ? 3 : 2;
}

/** Definitions that hold at the address: those with a range first. */
function chooseDefinitions(point: Point, { definitions }: Declaration): readonly RangedDefinition[] {
  const { procedure, offset } = point;
  const ranged = definitions.filter(
    ({ range }) => range !== undefined && rangeCovers(range, procedure.segment, offset),
  );
  return ranged.length > 0 ? ranged : definitions.filter(({ range }) => range === undefined);
}

function locationOf(point: Point, declaration: Declaration, isParameter: boolean): VariableLocation {
  const { procedure, offset } = point;
  const holding = chooseDefinitions(point, declaration);
  const whole = holding.findLast(({ part }) => part === undefined);
  const framed = whole?.definition.kind === 'registerRelative' || whole?.definition.kind === 'frameRelative';
  // The frame is not made yet: places in it are still the caller's.
  const inPrologue = offset < procedure.offset + procedure.debugStart && whole?.range === undefined && framed;
  if (whole !== undefined && !inPrologue) return translate(point, whole.definition, isParameter);
  if (!inPrologue && holding.length > 0) return partsOf(point, declaration, holding, isParameter);
  if (isParameter && offset === procedure.offset) {
    const location = atEntry(point, declaration);
    if (location !== undefined) return location;
  }
  if (inPrologue) return { kind: 'unavailable', why: 'not yet: the function is still making its frame' };
  const gone = (declaration.flags & LocalFlag.OptimizedOut) !== 0 || declaration.definitions.length === 0;
  return { kind: 'unavailable', why: gone ? 'optimized out' : 'optimized out at this address' };
}

function translate(point: Point, definition: Definition, isParameter: boolean): VariableLocation {
  switch (definition.kind) {
    case 'frameRelative': {
      const shift = isParameter ? PARAMETER_BASE_SHIFT : LOCAL_BASE_SHIFT;
      const register = frameRegister((point.frameFlags >>> shift) & 3, point.pdb.is64);
      if (register === undefined)
        return { kind: 'unavailable', why: 'the PDB does not say what its place counts from' };
      return { kind: 'registerRelative', register, offset: definition.offset };
    }
    case 'static': {
      const rva = imageRvaOf(point.pdb, definition.segment, definition.offset);
      return rva === undefined ? { kind: 'unavailable', why: 'not in the image' } : { kind: 'static', rva };
    }
    case 'unreadable':
      return { kind: 'unavailable', why: 'its location is a program of an old compiler' };
    case 'register':
    case 'registerRelative':
    case 'threadLocal':
    case 'constant':
      return definition;
  }
}

function partsOf(
  point: Point,
  declaration: Declaration,
  holding: readonly RangedDefinition[],
  isParameter: boolean,
): VariableLocation {
  // Of several for one part the last one: older ranges may still overlap it.
  const byOffset = new Map<number, Definition>();
  for (const { part, definition } of holding) if (part !== undefined) byOffset.set(part, definition);
  const size = point.pdb.types.type(declaration.type).size || Infinity;
  const members = new Map(
    point.pdb.types.fields(declaration.type).map(({ offset, type }) => [offset, point.pdb.types.type(type).size]),
  );
  const offsets = [...byOffset.keys()].sort((one, other) => one - other);
  const parts = offsets.map((offset, index) => {
    const definition = byOffset.get(offset) ?? { kind: 'unreadable' };
    const width = definition.kind === 'register' ? registerWidth(definition.register) : 8;
    const length = Math.min(members.get(offset) || width, (offsets[index + 1] ?? size) - offset);
    return { offset, length: Math.max(0, length), location: translate(point, definition, isParameter) };
  });
  return { kind: 'parts', parts };
}

/**
 * At the function's first instruction its parameters are where the calling convention puts them. undefined when that depends on more than
 * their number: structures by value take a register, or a pointer to them does.
 */
function atEntry({ pdb, procedure, parameters }: Point, declaration: Declaration): VariableLocation | undefined {
  if (!pdb.is64) return undefined;
  const kind = pdb.types.type(procedure.type);
  if (kind.kind !== 'function') return undefined;
  const scalar = (type: number): string | undefined => {
    const info = pdb.types.type(type);
    if (info.kind === 'float') return 'float';
    return ['integer', 'boolean', 'character', 'pointer', 'enum'].includes(info.kind) ? 'integer' : undefined;
  };
  if (scalar(kind.returns) === undefined && pdb.types.type(kind.returns).kind !== 'void') return undefined;
  const kinds = kind.parameters.map(scalar);
  const names = [...parameters];
  const index = names.indexOf(declaration.name);
  if (index < 0 || names.length !== kinds.length || kinds.includes(undefined)) return undefined;
  const register = REGISTER_PARAMETERS[index];
  // Behind the return address and the four home slots.
  if (register === undefined) return { kind: 'registerRelative', register: Amd64.Rsp, offset: 8 + index * 8 };
  return { kind: 'register', register: kinds[index] === 'float' ? Amd64.Xmm0 + index : register };
}
