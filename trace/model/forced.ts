/**
 * Which pairs every complete assignment has in common. One side are waits, the other signals; some must be assigned, the
 * others may be. Seen as a flow, a pair of one assignment is exchangeable exactly when it lies on a cycle of the residual
 * graph, that is, when both its ends are in one strongly connected component; all freedom to leave an optional one out
 * meets in one further vertex.
 */
export interface AssignmentProblem {
  /** Indices of the right side that each of the left can have, ascending. */
  readonly partners: readonly (readonly number[])[];
  readonly mustLeft: readonly boolean[];
  readonly mustRight: readonly boolean[];
}

/** The forced partner of each of the left, -1 for none. All -1 when there is no complete assignment. */
export function forcedPairs(problem: AssignmentProblem): Int32Array {
  const { partners, mustLeft, mustRight } = problem;
  const none = new Int32Array(partners.length).fill(-1);
  const assignment = assign(problem);
  if (assignment === undefined) return none;
  const { ofLeft, ofRight } = assignment;
  // Vertices: left, then right, then the free one.
  const rightAt = partners.length;
  const free = rightAt + mustRight.length;
  const next: number[][] = Array.from({ length: free + 1 }, () => []);
  partners.forEach((list, left) => {
    for (const right of list) {
      if (ofLeft[left] === right) next[rightAt + right]?.push(left);
      else next[left]?.push(rightAt + right);
    }
    if (mustLeft[left] !== true) {
      if ((ofLeft[left] ?? -1) >= 0) next[left]?.push(free);
      else next[free]?.push(left);
    }
  });
  mustRight.forEach((must, right) => {
    if (must) return;
    if ((ofRight[right] ?? -1) >= 0) next[free]?.push(rightAt + right);
    else next[rightAt + right]?.push(free);
  });
  const component = components(next);
  return none.map((_, left) => {
    const right = ofLeft[left] ?? -1;
    return right >= 0 && component[left] !== component[rightAt + right] ? right : -1;
  });
}

/** An assignment that covers all that must be: first the left side, then the right one without uncovering the left. */
function assign({ partners, mustLeft, mustRight }: AssignmentProblem) {
  const ofLeft = new Int32Array(partners.length).fill(-1);
  const ofRight = new Int32Array(mustRight.length).fill(-1);
  const pair = (left: number, right: number): true => {
    ofLeft[left] = right;
    ofRight[right] = left;
    return true;
  };
  const placeLeft = (left: number, tried: Set<number>): boolean => {
    for (const right of partners[left] ?? []) {
      if (tried.has(right)) continue;
      tried.add(right);
      const holder = ofRight[right] ?? -1;
      if (holder < 0 || placeLeft(holder, tried)) return pair(left, right);
    }
    return false;
  };
  for (const [left, must] of mustLeft.entries()) if (must && !placeLeft(left, new Set())) return undefined;
  const lefts: number[][] = mustRight.map(() => []);
  partners.forEach((list, left) => list.forEach((right) => lefts[right]?.push(left)));
  const placeRight = (right: number, tried: Set<number>): boolean => {
    for (const left of lefts[right] ?? []) {
      if (tried.has(left)) continue;
      tried.add(left);
      const held = ofLeft[left] ?? -1;
      if (held >= 0 && mustRight[held] === true && !placeRight(held, tried)) continue;
      if (held >= 0 && mustRight[held] !== true) ofRight[held] = -1;
      return pair(left, right);
    }
    return false;
  };
  for (const [right, must] of mustRight.entries()) {
    if (must && (ofRight[right] ?? -1) < 0 && !placeRight(right, new Set())) return undefined;
  }
  return { ofLeft, ofRight };
}

/** Strongly connected component by vertex (Tarjan). */
function components(next: readonly (readonly number[])[]): Int32Array {
  const component = new Int32Array(next.length).fill(-1);
  const index = new Int32Array(next.length).fill(-1);
  const low = new Int32Array(next.length);
  const stack: number[] = [];
  let count = 0;
  let found = 0;
  const visit = (vertex: number): void => {
    index[vertex] = low[vertex] = count;
    count += 1;
    stack.push(vertex);
    for (const other of next[vertex] ?? []) {
      if (index[other] === -1) {
        visit(other);
        low[vertex] = Math.min(low[vertex] ?? 0, low[other] ?? 0);
      } else if (component[other] === -1) low[vertex] = Math.min(low[vertex] ?? 0, index[other] ?? 0);
    }
    if (low[vertex] !== index[vertex]) return;
    for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
      component[member] = found;
      if (member === vertex) break;
    }
    found += 1;
  };
  for (const vertex of next.keys()) if (index[vertex] === -1) visit(vertex);
  return component;
}
