
-- ---------------------------------------------------------------------------
-- Pseudonyms: the type, its operators, and the keyed functions that make and
-- reverse them. src/pseudonym.c says what the planner is told about them.
-- ---------------------------------------------------------------------------

CREATE TYPE caredata.pseudonym;

CREATE FUNCTION caredata.pseudonym_in(cstring) RETURNS caredata.pseudonym
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_in';
COMMENT ON FUNCTION caredata.pseudonym_in(cstring) IS
	'Input of a pseudonym: 32 hexadecimal digits, or the form of a uuid';

CREATE FUNCTION caredata.pseudonym_out(caredata.pseudonym) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_out';
COMMENT ON FUNCTION caredata.pseudonym_out(caredata.pseudonym) IS
	'Output of a pseudonym: 32 lower-case hexadecimal digits';

CREATE FUNCTION caredata.pseudonym_recv(internal) RETURNS caredata.pseudonym
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_recv';
COMMENT ON FUNCTION caredata.pseudonym_recv(internal) IS
	'Binary input of a pseudonym: 16 bytes';

CREATE FUNCTION caredata.pseudonym_send(caredata.pseudonym) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_send';
COMMENT ON FUNCTION caredata.pseudonym_send(caredata.pseudonym) IS
	'Binary output of a pseudonym: 16 bytes';

CREATE TYPE caredata.pseudonym (
	INPUT = caredata.pseudonym_in,
	OUTPUT = caredata.pseudonym_out,
	RECEIVE = caredata.pseudonym_recv,
	SEND = caredata.pseudonym_send,
	INTERNALLENGTH = 16,
	ALIGNMENT = char,
	STORAGE = plain
);
COMMENT ON TYPE caredata.pseudonym IS
	'Pseudonym of a person or a record within one release: 16 bytes';

CREATE FUNCTION caredata.pseudonym(text) RETURNS caredata.pseudonym
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_from_text';
COMMENT ON FUNCTION caredata.pseudonym(text) IS
	'The pseudonym written in a text; raises invalid_text_representation when it is none';

-- Implicit, because drivers send parameters as text or varchar, and because
-- pid = ANY (text[]) must work.
CREATE CAST (text AS caredata.pseudonym)
	WITH FUNCTION caredata.pseudonym(text) AS IMPLICIT;
COMMENT ON CAST (text AS caredata.pseudonym) IS
	'Implicit, so that pid can be compared with text parameters';
CREATE CAST (varchar AS caredata.pseudonym)
	WITH FUNCTION caredata.pseudonym(text) AS IMPLICIT;
COMMENT ON CAST (varchar AS caredata.pseudonym) IS
	'Implicit, so that pid can be compared with varchar parameters';
CREATE CAST (bpchar AS caredata.pseudonym) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (bpchar AS caredata.pseudonym) IS
	'Implicit, so that pid can be compared with columns and parameters of type character';
CREATE CAST (caredata.pseudonym AS uuid) WITHOUT FUNCTION;
COMMENT ON CAST (caredata.pseudonym AS uuid) IS
	'The same 16 bytes as a uuid, for tools that know no other 16-byte type';
CREATE CAST (uuid AS caredata.pseudonym) WITHOUT FUNCTION;
COMMENT ON CAST (uuid AS caredata.pseudonym) IS
	'The same 16 bytes as a pseudonym';

-- Internal: asked by the planner only.
CREATE FUNCTION caredata.pseudonym_support(internal) RETURNS internal
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_support';
COMMENT ON FUNCTION caredata.pseudonym_support(internal) IS
	'Planner support: turns comparisons of pids into comparisons of person numbers';

CREATE FUNCTION caredata.pseudonym_eq(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT caredata.pseudonym_support
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_eq';
COMMENT ON FUNCTION caredata.pseudonym_eq(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator =';

CREATE FUNCTION caredata.pseudonym_ne(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	SUPPORT caredata.pseudonym_support
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_ne';
COMMENT ON FUNCTION caredata.pseudonym_ne(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator <>';

CREATE FUNCTION caredata.pseudonym_lt(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_lt';
COMMENT ON FUNCTION caredata.pseudonym_lt(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator <';

CREATE FUNCTION caredata.pseudonym_le(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_le';
COMMENT ON FUNCTION caredata.pseudonym_le(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator <=';

CREATE FUNCTION caredata.pseudonym_gt(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_gt';
COMMENT ON FUNCTION caredata.pseudonym_gt(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator >';

CREATE FUNCTION caredata.pseudonym_ge(caredata.pseudonym, caredata.pseudonym) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_ge';
COMMENT ON FUNCTION caredata.pseudonym_ge(caredata.pseudonym, caredata.pseudonym) IS
	'Implementation of operator >=';

CREATE OPERATOR caredata.= (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_eq,
	COMMUTATOR = OPERATOR(caredata.=), NEGATOR = OPERATOR(caredata.<>),
	HASHES, MERGES,
	RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR caredata.= (caredata.pseudonym, caredata.pseudonym) IS
	'equal';

CREATE OPERATOR caredata.<> (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_ne,
	COMMUTATOR = OPERATOR(caredata.<>), NEGATOR = OPERATOR(caredata.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR caredata.<> (caredata.pseudonym, caredata.pseudonym) IS
	'not equal';

CREATE OPERATOR caredata.< (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_lt,
	COMMUTATOR = OPERATOR(caredata.>), NEGATOR = OPERATOR(caredata.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR caredata.< (caredata.pseudonym, caredata.pseudonym) IS
	'less, by bytes';

CREATE OPERATOR caredata.<= (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_le,
	COMMUTATOR = OPERATOR(caredata.>=), NEGATOR = OPERATOR(caredata.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR caredata.<= (caredata.pseudonym, caredata.pseudonym) IS
	'less or equal, by bytes';

CREATE OPERATOR caredata.> (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_gt,
	COMMUTATOR = OPERATOR(caredata.<), NEGATOR = OPERATOR(caredata.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR caredata.> (caredata.pseudonym, caredata.pseudonym) IS
	'greater, by bytes';

CREATE OPERATOR caredata.>= (
	LEFTARG = caredata.pseudonym, RIGHTARG = caredata.pseudonym,
	FUNCTION = caredata.pseudonym_ge,
	COMMUTATOR = OPERATOR(caredata.<=), NEGATOR = OPERATOR(caredata.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR caredata.>= (caredata.pseudonym, caredata.pseudonym) IS
	'greater or equal, by bytes';

CREATE FUNCTION caredata.pseudonym_cmp(caredata.pseudonym, caredata.pseudonym) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_cmp';
COMMENT ON FUNCTION caredata.pseudonym_cmp(caredata.pseudonym, caredata.pseudonym) IS
	'Order of two pseudonyms by bytes: negative, zero or positive';

CREATE FUNCTION caredata.pseudonym_sortsupport(internal) RETURNS void
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_sortsupport';
COMMENT ON FUNCTION caredata.pseudonym_sortsupport(internal) IS
	'Sort support for pseudonyms';

CREATE FUNCTION caredata.pseudonym_hash(caredata.pseudonym) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_hash';
COMMENT ON FUNCTION caredata.pseudonym_hash(caredata.pseudonym) IS
	'Hash of a pseudonym';

CREATE FUNCTION caredata.pseudonym_hash_extended(caredata.pseudonym, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_hash_extended';
COMMENT ON FUNCTION caredata.pseudonym_hash_extended(caredata.pseudonym, bigint) IS
	'Seeded 64-bit hash of a pseudonym';

CREATE OPERATOR CLASS caredata.pseudonym_ops
	DEFAULT FOR TYPE caredata.pseudonym USING btree AS
	OPERATOR 1 caredata.<,
	OPERATOR 2 caredata.<=,
	OPERATOR 3 caredata.=,
	OPERATOR 4 caredata.>=,
	OPERATOR 5 caredata.>,
	FUNCTION 1 caredata.pseudonym_cmp(caredata.pseudonym, caredata.pseudonym),
	FUNCTION 2 caredata.pseudonym_sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS caredata.pseudonym_ops USING btree IS
	'Order of pseudonyms by bytes';

CREATE OPERATOR CLASS caredata.pseudonym_ops
	DEFAULT FOR TYPE caredata.pseudonym USING hash AS
	OPERATOR 1 caredata.=,
	FUNCTION 1 caredata.pseudonym_hash(caredata.pseudonym),
	FUNCTION 2 caredata.pseudonym_hash_extended(caredata.pseudonym, bigint);
COMMENT ON OPERATOR CLASS caredata.pseudonym_ops USING hash IS
	'Hashing of pseudonyms';

CREATE FUNCTION caredata.pseudonym_smaller(caredata.pseudonym, caredata.pseudonym)
	RETURNS caredata.pseudonym
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_smaller';
COMMENT ON FUNCTION caredata.pseudonym_smaller(caredata.pseudonym, caredata.pseudonym) IS
	'The first of two pseudonyms by bytes';

CREATE FUNCTION caredata.pseudonym_larger(caredata.pseudonym, caredata.pseudonym)
	RETURNS caredata.pseudonym
	LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_pseudonym_larger';
COMMENT ON FUNCTION caredata.pseudonym_larger(caredata.pseudonym, caredata.pseudonym) IS
	'The last of two pseudonyms by bytes';

CREATE AGGREGATE caredata.min(caredata.pseudonym) (
	SFUNC = caredata.pseudonym_smaller, STYPE = caredata.pseudonym,
	COMBINEFUNC = caredata.pseudonym_smaller,
	SORTOP = OPERATOR(caredata.<), PARALLEL = safe
);
COMMENT ON AGGREGATE caredata.min(caredata.pseudonym) IS
	'The first pseudonym by bytes; reporting tools ask for it';

CREATE AGGREGATE caredata.max(caredata.pseudonym) (
	SFUNC = caredata.pseudonym_larger, STYPE = caredata.pseudonym,
	COMBINEFUNC = caredata.pseudonym_larger,
	SORTOP = OPERATOR(caredata.>), PARALLEL = safe
);
COMMENT ON AGGREGATE caredata.max(caredata.pseudonym) IS
	'The last pseudonym by bytes; reporting tools ask for it';

-- Keyed: STABLE and never IMMUTABLE, so that no plan, index or generated
-- column holds their result. LEAKPROOF: they raise on the caller, the release
-- and the keys, before they look at the value.
CREATE FUNCTION caredata.pid(person_id integer, release caredata.release_ref)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT LEAKPROOF PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_pid';
REVOKE ALL ON FUNCTION caredata.pid(integer, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.pid(integer, caredata.release_ref) IS
	'Pseudonym of a person in a release; for members of the release''s reader role, through its views';

CREATE FUNCTION caredata.person_of(pseudonym caredata.pseudonym, release caredata.release_ref)
	RETURNS integer
	LANGUAGE c STABLE STRICT LEAKPROOF PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_person_of';
REVOKE ALL ON FUNCTION caredata.person_of(caredata.pseudonym, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.person_of(caredata.pseudonym, caredata.release_ref) IS
	'Reverse of pid, used by the planner: the person''s number, or 0, nobody, for a pseudonym of another release, of an older generation of its key, or a forged one';

CREATE FUNCTION caredata.current_pid(pseudonym caredata.pseudonym, release caredata.release_ref)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT LEAKPROOF PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'caredata_current_pid';
REVOKE ALL ON FUNCTION caredata.current_pid(caredata.pseudonym, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.current_pid(caredata.pseudonym, caredata.release_ref) IS
	'The same person or record under the newest key of the release, for a pseudonym of any generation that is not closed; NULL for others. Readers call the function of this name in the release''s schema';

CREATE FUNCTION caredata.record_pid(record_key bigint, release caredata.release_ref)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT LEAKPROOF PARALLEL SAFE COST 5
	AS 'MODULE_PATHNAME', 'caredata_record_pid_bigint';
REVOKE ALL ON FUNCTION caredata.record_pid(bigint, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_pid(bigint, caredata.release_ref) IS
	'Pseudonym of a numeric record key in a release; never equal to a pid';

-- Not LEAKPROOF: it may have to fetch and decompress the text.
CREATE FUNCTION caredata.record_pid(record_key text, release caredata.release_ref)
	RETURNS caredata.pseudonym
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 25
	AS 'MODULE_PATHNAME', 'caredata_record_pid_text';
REVOKE ALL ON FUNCTION caredata.record_pid(text, caredata.release_ref) FROM PUBLIC;
COMMENT ON FUNCTION caredata.record_pid(text, caredata.release_ref) IS
	'One-way pseudonym of a record key in a release; case and spaces of the key count';
