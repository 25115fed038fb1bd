import { EventscopeError } from '../../../protocol/errors.js';

/** The file is damaged, or made to mislead: what it says leads outside of it or in circles. */
export function corruptPdb(why: string): EventscopeError {
  return new EventscopeError({
    id: 'symbols.corrupt',
    what: 'The PDB cannot be read',
    why,
    next: 'Build the module again, or delete the cached copy so that it is fetched again',
  });
}

/** A PDB of a kind that this reader refuses. */
export function unsupportedPdb(why: string, next: string): EventscopeError {
  return new EventscopeError({ id: 'symbols.unsupported', what: 'The PDB cannot be used', why, next });
}
