/** A condition over a hit of a point, parsed: plain data that travels to where hits are decided. */
export interface Filter {
  readonly text: string;
}
