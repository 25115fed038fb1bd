/**
 * Signal and wait points in a source file: calls of the catalogue's functions, found in the syntax tree, so that comments, strings,
 * declarations and names that only look alike are none. What object a call concerns is told from its argument.
 */
import type { Node, Tree } from 'web-tree-sitter';
import { type Point, type PointParameter, pointNamed, POINTS, rolesOf } from '../../machine/points.js';
import type { PointRole, PointSide } from '../../machine/point.js';

export interface SourcePoint {
  /** The catalogue's function, and the name that the source calls it by (CreateEvent for CreateEventW). */
  readonly point: Point;
  readonly called: string;
  readonly roles: readonly PointRole[];
  readonly side: PointSide;
  /** What the call concerns: the object's name when the source tells it, else the variable or field (a function's own variable with the
   * function's name, as another's is another object); undefined: nothing tells. */
  readonly object: string | undefined;
  /** The argument as it is written. */
  readonly expression: string | undefined;
  /** The function that the call is in; undefined outside of one. */
  readonly inFunction: string | undefined;
  /** Of the call's name, from 0; columns in UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

/** Names under which sources call functions of the catalogue: without the A or W of Win32, and the trace header's own macro. */
const ALIASES: ReadonlyMap<string, Point> = new Map(
  POINTS.flatMap((point) => {
    const names: [string, Point][] = [];
    if (point.layer === 'win32' && point.name.endsWith('W')) names.push([point.name.slice(0, -1), point]);
    if (/^Iof?CompleteRequest$/.test(point.name)) {
      names.push(['EsTraceComplete', point], ['IoCompleteRequest', point]);
    }
    return names;
  }),
);

export const pointCalled = (name: string): Point | undefined => pointNamed(name) ?? ALIASES.get(name);

const NAMES = [...new Set([...POINTS.map(({ name }) => name), ...ALIASES.keys()])];
const ANY_NAME = new RegExp(`\\b(?:${NAMES.join('|')})\\b`);

/** A quick look before parsing: false means that no point can be in it. */
export const mayHavePoints = (text: string): boolean => ANY_NAME.test(text);

/** Closing and referencing concern everything that has a handle: in a list of signals and waits they would hide the rest. */
const isListed = (point: Point): boolean =>
  point.role !== 'lifecycle' || (point.object !== 'any' && ['create', 'open', 'initialize'].includes(point.action));

const OBJECT_PARAMETERS: readonly PointParameter[] = [
  ...(['object', 'handle', 'signalHandle', 'objects', 'handles', 'irp', 'waitedAddress', 'threadId'] as const),
];
const NAME_PARAMETERS: readonly PointParameter[] = ['wideName', 'narrowName', 'unicodeName', 'attributes'];

/** The points of a file, in the order of their lines. */
export function findSourcePoints(tree: Tree): SourcePoint[] {
  const calls = tree.rootNode.descendantsOfType('call_expression');
  const names = namesOfVariables(calls);
  const locals = new Locals();
  const points: SourcePoint[] = [];
  for (const call of calls) {
    const name = calledName(call);
    const point = name === undefined ? undefined : pointCalled(name.text);
    if (name === undefined || point === undefined || !isListed(point)) continue;
    const expression = concerned(call, point);
    const variable = expression === undefined ? undefined : variableOf(expression);
    const inFunction = enclosingFunction(call);
    points.push({
      point,
      called: name.text,
      roles: rolesOf(point),
      side: point.side,
      object:
        literalName(call, point) ??
        (variable === undefined ? undefined : (names.get(variable) ?? locals.label(call, variable))),
      expression: expression?.text,
      inFunction,
      line: name.startPosition.row,
      column: name.startPosition.column,
      endColumn: name.endPosition.column,
    });
  }
  return points;
}

/** The name node of a call: the function itself, or the last part of a qualified one. */
function calledName(call: Node): Node | undefined {
  let called = call.childForFieldName('function');
  // (VOID)(KeSetEvent)(...) reads as a call of what (VOID)(KeSetEvent) gives.
  if (called?.type === 'call_expression' && isCast(called)) called = argumentsOf(called)[0] ?? null;
  // (KeSetEvent)(...) calls the function where a macro of its name is in the way.
  if (called?.type === 'parenthesized_expression') called = called.firstNamedChild;
  if (called === null) return undefined;
  if (called.type === 'identifier') return called;
  return called.type === 'qualified_identifier' ? (called.childForFieldName('name') ?? undefined) : undefined;
}

const argumentsOf = (call: Node): Node[] =>
  (call.childForFieldName('arguments')?.namedChildren ?? []).filter((node) => node.type !== 'comment');

function argumentFor(call: Node, point: Point, meanings: readonly PointParameter[]): Node | undefined {
  const position = point.parameters.findIndex((parameter) => meanings.includes(parameter));
  return position < 0 ? undefined : argumentsOf(call)[position];
}

/** What a call concerns: its object's argument, or the variable that its result goes to. */
function concerned(call: Node, point: Point): Node | undefined {
  const argument = argumentFor(call, point, OBJECT_PARAMETERS);
  if (argument !== undefined) return argument;
  const made = argumentFor(call, point, ['newHandle', 'newObject']);
  return made ?? assigned(call);
}

/** The left side of an assignment or declaration whose right side is the call, casts and parentheses aside. */
function assigned(call: Node): Node | undefined {
  let node: Node | null = call.parent;
  while (node !== null && (node.type === 'cast_expression' || node.type === 'parenthesized_expression'))
    node = node.parent;
  if (node?.type === 'assignment_expression') return node.childForFieldName('left') ?? undefined;
  if (node?.type === 'init_declarator') return node.childForFieldName('declarator') ?? undefined;
  return undefined;
}

/**
 * The variable or field at the end of an expression: SharedEvent of &extension->SharedEvent, events of events[1]. Fields of one name
 * are taken for one object: which structure they are in, the syntax alone does not tell.
 */
function variableOf(expression: Node): string | undefined {
  switch (expression.type) {
    case 'identifier':
    case 'field_identifier':
      return expression.text;
    case 'pointer_expression':
    case 'subscript_expression':
      return variableOf(expression.childForFieldName('argument') ?? expression.firstNamedChild ?? expression);
    case 'field_expression':
      return expression.childForFieldName('field')?.text;
    case 'cast_expression':
      return inner(expression.childForFieldName('value'));
    case 'parenthesized_expression':
    case 'pointer_declarator':
    case 'array_declarator':
      return inner(expression.childForFieldName('declarator') ?? expression.firstNamedChild);
    case 'call_expression':
      return calledOrCast(expression);
    default:
      return undefined;
  }
}

/** The syntax alone does not tell (HANDLE)(x), a cast, from a call of a function in parentheses: types are written in capitals. */
function isCast(call: Node): boolean {
  const called = call.childForFieldName('function');
  return (
    called?.type === 'parenthesized_expression' &&
    /^\(\s*[A-Z_][A-Z0-9_]*\s*\*?\s*\)$/.test(called.text) &&
    argumentsOf(call).length === 1
  );
}

function calledOrCast(call: Node): string | undefined {
  const [only] = argumentsOf(call);
  return isCast(call) && only !== undefined ? variableOf(only) : call.childForFieldName('function')?.text;
}

const inner = (node: Node | null): string | undefined => (node === null ? undefined : variableOf(node));

/** The name in the source of a call that creates or opens by name: its string, or the macro that stands for it. */
function literalName(call: Node, point: Point): string | undefined {
  const argument = argumentFor(call, point, NAME_PARAMETERS);
  if (argument === undefined) return undefined;
  const literal = argument.descendantsOfType('string_literal')[0];
  if (literal === undefined) return undefined;
  const text = /"(.*)"$/s.exec(literal.text)?.[1]?.replaceAll('\\\\', '\\');
  return text === undefined || text === '' ? undefined : text;
}

/** Variables of the file that were given a handle by a call that names its object: name by variable. */
function namesOfVariables(calls: readonly Node[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const call of calls) {
    const called = calledName(call);
    const point = called === undefined ? undefined : pointCalled(called.text);
    if (point === undefined || !['create', 'open'].includes(point.action)) continue;
    const name = literalName(call, point);
    const left = name === undefined ? undefined : concerned(call, point);
    const variable = left === undefined ? undefined : variableOf(left);
    if (name !== undefined && variable !== undefined) names.set(variable, name);
  }
  return names;
}

function definitionAround(call: Node): Node | undefined {
  let node: Node | null = call;
  while (node !== null && node.type !== 'function_definition') node = node.parent;
  return node ?? undefined;
}

/** Variables and parameters of each function: `handle` of one is another object than `handle` of the next. */
class Locals {
  readonly #declared = new Map<number, ReadonlySet<string>>();

  /** What stands for the variable in a list of objects: with its function when it is the function's own. */
  label(call: Node, variable: string): string {
    const definition = definitionAround(call);
    const name = definition === undefined ? undefined : enclosingFunction(call);
    if (definition === undefined || name === undefined) return variable;
    let declared = this.#declared.get(definition.id);
    if (declared === undefined) {
      declared = declaredIn(definition);
      this.#declared.set(definition.id, declared);
    }
    return declared.has(variable) ? `${variable} (${name})` : variable;
  }
}

function declaredIn(definition: Node): ReadonlySet<string> {
  const names = new Set<string>();
  for (const declaration of definition.descendantsOfType(['declaration', 'parameter_declaration'])) {
    for (const declarator of declaration.childrenForFieldName('declarator')) {
      const variable = variableOf(
        declarator.type === 'init_declarator' ? (declarator.namedChild(0) ?? declarator) : declarator,
      );
      if (variable !== undefined) names.add(variable);
    }
  }
  return names;
}

function enclosingFunction(call: Node): string | undefined {
  let declarator = definitionAround(call)?.childForFieldName('declarator') ?? null;
  while (declarator !== null && declarator.type !== 'identifier' && declarator.type !== 'qualified_identifier') {
    declarator = declarator.childForFieldName('declarator');
  }
  return declarator?.text;
}
