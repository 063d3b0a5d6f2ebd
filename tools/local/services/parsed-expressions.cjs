/**
 * Keeps what dynalite's parsers make of an expression. A service sends the same few texts with other values each time, and
 * parsing them takes half of dynalite's time. Plain JavaScript, since the thread of the tables has no loader for TypeScript.
 */
'use strict';

const path = require('node:path');

const PARSERS = ['conditionParser', 'projectionParser', 'updateParser'];
/** Texts whose result depends on more of a value than its type: bounds are compared, and a type is named by a value. */
const LOOKS_AT_VALUES = /between|attribute_type/i;
const MOST_KEPT = 1_000;

/** The place of a value in a parsed expression. */
class Slot {
  constructor(name) {
    this.name = name;
  }
}

/** Lets the parsers of the dynalite in a folder remember. */
function rememberExpressions(dynalite) {
  for (const name of PARSERS) {
    const parser = require(path.join(dynalite, 'db', name));
    if (!parser.parse.remembers) parser.parse = remembering(parser.parse);
  }
}

/**
 * @param parse parser of dynalite: reads `attrNames` and `attrVals` of the context, and takes what it uses out of its
 *   `unusedAttrNames` and `unusedAttrVals`
 * @returns one that does the same, and parses a text once for all values of the same types
 */
function remembering(parse) {
  const known = new Map();
  const remembers = (text, options) => {
    const { attrNames = {}, attrVals = {}, unusedAttrNames, unusedAttrVals } = options.context;
    if (LOOKS_AT_VALUES.test(text)) return parse(text, options);
    const types = Object.entries(attrVals).map(([name, value]) => [name, Object.keys(value)]);
    const key = JSON.stringify([text, attrNames, types]);
    let found = known.get(key);
    if (!found) {
      const before = [Object.keys(unusedAttrNames), Object.keys(unusedAttrVals)];
      const result = parse(text, options);
      const names = new Map(Object.entries(attrVals).map(([name, value]) => [value, name]));
      const slots = (value) => (names.has(value) ? new Slot(names.get(value)) : undefined);
      found = {
        parsed: copy(result, slots),
        usedNames: before[0].filter((name) => !(name in unusedAttrNames)),
        usedValues: before[1].filter((name) => !(name in unusedAttrVals)),
      };
      if (known.size >= MOST_KEPT) known.clear();
      known.set(key, found);
      return result;
    }
    for (const name of found.usedNames) delete unusedAttrNames[name];
    for (const name of found.usedValues) delete unusedAttrVals[name];
    return copy(found.parsed, (value) => (value instanceof Slot ? attrVals[value.name] : undefined));
  };
  remembers.remembers = true;
  return remembers;
}

/** @param replace gives what stands for a part, or undefined for a copy of the part */
function copy(part, replace) {
  if (typeof part !== 'object' || part === null) return part;
  const other = replace(part);
  if (other !== undefined) return other;
  if (Array.isArray(part)) return part.map((each) => copy(each, replace));
  const copied = Object.create(Object.getPrototypeOf(part));
  for (const key of Object.keys(part)) copied[key] = copy(part[key], replace);
  return copied;
}

module.exports = { rememberExpressions, remembering };
