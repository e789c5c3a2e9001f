-- ---------------------------------------------------------------------------
-- Identifiers: the types nhs_number and postcode.
-- Both are eight bytes by value whose order and equality are those of bigint,
-- so comparison and sorting are PostgreSQL's own.  None of these can raise or
-- tell a value, so they are leakproof and indexes serve queries under row
-- security.
-- ---------------------------------------------------------------------------

-- NHS numbers.

CREATE TYPE caredata.nhs_number;

CREATE FUNCTION caredata.nhs_number_in(cstring) RETURNS caredata.nhs_number
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_in';
COMMENT ON FUNCTION caredata.nhs_number_in(cstring) IS
	'Input of type nhs_number';

CREATE FUNCTION caredata.nhs_number_out(caredata.nhs_number) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_out';
COMMENT ON FUNCTION caredata.nhs_number_out(caredata.nhs_number) IS
	'Output of type nhs_number';

CREATE FUNCTION caredata.nhs_number_recv(internal) RETURNS caredata.nhs_number
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_recv';
COMMENT ON FUNCTION caredata.nhs_number_recv(internal) IS
	'Binary input of type nhs_number: the number as a 64-bit integer';

CREATE FUNCTION caredata.nhs_number_send(caredata.nhs_number) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_send';
COMMENT ON FUNCTION caredata.nhs_number_send(caredata.nhs_number) IS
	'Binary output of type nhs_number: the number as a 64-bit integer';

CREATE TYPE caredata.nhs_number (
	INPUT = caredata.nhs_number_in,
	OUTPUT = caredata.nhs_number_out,
	RECEIVE = caredata.nhs_number_recv,
	SEND = caredata.nhs_number_send,
	LIKE = pg_catalog.int8
);
COMMENT ON TYPE caredata.nhs_number IS
	'NHS number: ten digits whose last is a right modulus 11 check digit, not all equal; valid, which is less than traced';

CREATE FUNCTION caredata.nhs_number_eq(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8eq';
COMMENT ON FUNCTION caredata.nhs_number_eq(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the = operator';

CREATE FUNCTION caredata.nhs_number_ne(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8ne';
COMMENT ON FUNCTION caredata.nhs_number_ne(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the <> operator';

CREATE FUNCTION caredata.nhs_number_lt(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8lt';
COMMENT ON FUNCTION caredata.nhs_number_lt(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the < operator';

CREATE FUNCTION caredata.nhs_number_le(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8le';
COMMENT ON FUNCTION caredata.nhs_number_le(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the <= operator';

CREATE FUNCTION caredata.nhs_number_gt(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8gt';
COMMENT ON FUNCTION caredata.nhs_number_gt(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the > operator';

CREATE FUNCTION caredata.nhs_number_ge(caredata.nhs_number, caredata.nhs_number)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8ge';
COMMENT ON FUNCTION caredata.nhs_number_ge(caredata.nhs_number, caredata.nhs_number) IS
	'Implementation of the >= operator';

CREATE FUNCTION caredata.nhs_number_cmp(caredata.nhs_number, caredata.nhs_number)
	RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'btint8cmp';
COMMENT ON FUNCTION caredata.nhs_number_cmp(caredata.nhs_number, caredata.nhs_number) IS
	'Order of two values, for B-tree indexes: negative, zero or positive';

CREATE FUNCTION caredata.nhs_number_hash(caredata.nhs_number) RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'hashint8';
COMMENT ON FUNCTION caredata.nhs_number_hash(caredata.nhs_number) IS
	'Hash of a value, for hash indexes and joins';

CREATE FUNCTION caredata.nhs_number_hash_extended(caredata.nhs_number, bigint)
	RETURNS bigint
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'hashint8extended';
COMMENT ON FUNCTION caredata.nhs_number_hash_extended(caredata.nhs_number, bigint) IS
	'64-bit hash of a value with a seed, for hash partitions';

CREATE FUNCTION caredata.nhs_number_larger(caredata.nhs_number, caredata.nhs_number)
	RETURNS caredata.nhs_number
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8larger';
COMMENT ON FUNCTION caredata.nhs_number_larger(caredata.nhs_number, caredata.nhs_number) IS
	'The greater of two values; step of max';

CREATE FUNCTION caredata.nhs_number_smaller(caredata.nhs_number, caredata.nhs_number)
	RETURNS caredata.nhs_number
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8smaller';
COMMENT ON FUNCTION caredata.nhs_number_smaller(caredata.nhs_number, caredata.nhs_number) IS
	'The lesser of two values; step of min';

CREATE OPERATOR caredata.= (
	FUNCTION = caredata.nhs_number_eq,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.=), NEGATOR = OPERATOR(caredata.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR caredata.= (caredata.nhs_number, caredata.nhs_number) IS
	'Equal';

CREATE OPERATOR caredata.<> (
	FUNCTION = caredata.nhs_number_ne,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.<>), NEGATOR = OPERATOR(caredata.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR caredata.<> (caredata.nhs_number, caredata.nhs_number) IS
	'Not equal';

CREATE OPERATOR caredata.< (
	FUNCTION = caredata.nhs_number_lt,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.>), NEGATOR = OPERATOR(caredata.>=),
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR caredata.< (caredata.nhs_number, caredata.nhs_number) IS
	'Less than';

CREATE OPERATOR caredata.<= (
	FUNCTION = caredata.nhs_number_le,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.>=), NEGATOR = OPERATOR(caredata.>),
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR caredata.<= (caredata.nhs_number, caredata.nhs_number) IS
	'Less than or equal';

CREATE OPERATOR caredata.> (
	FUNCTION = caredata.nhs_number_gt,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.<), NEGATOR = OPERATOR(caredata.<=),
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR caredata.> (caredata.nhs_number, caredata.nhs_number) IS
	'Greater than';

CREATE OPERATOR caredata.>= (
	FUNCTION = caredata.nhs_number_ge,
	LEFTARG = caredata.nhs_number, RIGHTARG = caredata.nhs_number,
	COMMUTATOR = OPERATOR(caredata.<=), NEGATOR = OPERATOR(caredata.<),
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR caredata.>= (caredata.nhs_number, caredata.nhs_number) IS
	'Greater than or equal';

CREATE OPERATOR FAMILY caredata.nhs_number_ops USING btree;
CREATE OPERATOR CLASS caredata.nhs_number_ops
	DEFAULT FOR TYPE caredata.nhs_number USING btree FAMILY caredata.nhs_number_ops AS
	OPERATOR 1 caredata.<,
	OPERATOR 2 caredata.<=,
	OPERATOR 3 caredata.=,
	OPERATOR 4 caredata.>=,
	OPERATOR 5 caredata.>,
	FUNCTION 1 caredata.nhs_number_cmp(caredata.nhs_number, caredata.nhs_number),
	FUNCTION 2 pg_catalog.btint8sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS caredata.nhs_number_ops USING btree IS
	'B-tree order of nhs_number';
COMMENT ON OPERATOR FAMILY caredata.nhs_number_ops USING btree IS
	'B-tree order of nhs_number';

CREATE OPERATOR FAMILY caredata.nhs_number_ops USING hash;
CREATE OPERATOR CLASS caredata.nhs_number_ops
	DEFAULT FOR TYPE caredata.nhs_number USING hash FAMILY caredata.nhs_number_ops AS
	OPERATOR 1 caredata.=,
	FUNCTION 1 caredata.nhs_number_hash(caredata.nhs_number),
	FUNCTION 2 caredata.nhs_number_hash_extended(caredata.nhs_number, bigint);
COMMENT ON OPERATOR CLASS caredata.nhs_number_ops USING hash IS
	'Equality of nhs_number for hash indexes and joins';
COMMENT ON OPERATOR FAMILY caredata.nhs_number_ops USING hash IS
	'Equality of nhs_number for hash indexes and joins';

CREATE AGGREGATE caredata.max(caredata.nhs_number) (
	SFUNC = caredata.nhs_number_larger, STYPE = caredata.nhs_number,
	COMBINEFUNC = caredata.nhs_number_larger,
	SORTOP = OPERATOR(caredata.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE caredata.max(caredata.nhs_number) IS
	'Greatest nhs_number of the rows';
CREATE AGGREGATE caredata.min(caredata.nhs_number) (
	SFUNC = caredata.nhs_number_smaller, STYPE = caredata.nhs_number,
	COMBINEFUNC = caredata.nhs_number_smaller,
	SORTOP = OPERATOR(caredata.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE caredata.min(caredata.nhs_number) IS
	'Least nhs_number of the rows';

CREATE CAST (text AS caredata.nhs_number) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.nhs_number AS text) WITH INOUT AS ASSIGNMENT;
CREATE CAST (varchar AS caredata.nhs_number) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.nhs_number AS varchar) WITH INOUT AS ASSIGNMENT;
CREATE CAST (bpchar AS caredata.nhs_number) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.nhs_number AS bpchar) WITH INOUT AS ASSIGNMENT;

CREATE FUNCTION caredata.nhs_number(bigint) RETURNS caredata.nhs_number
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_from_bigint';
COMMENT ON FUNCTION caredata.nhs_number(bigint) IS
	'NHS number from an integer that has lost its leading zeros; raises unless it is valid';

CREATE CAST (bigint AS caredata.nhs_number)
	WITH FUNCTION caredata.nhs_number(bigint);
CREATE CAST (caredata.nhs_number AS bigint) WITHOUT FUNCTION;

CREATE FUNCTION caredata.try_nhs_number(text) RETURNS caredata.nhs_number
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_nhs_number';
COMMENT ON FUNCTION caredata.try_nhs_number(text) IS
	'NHS number from text, or NULL where the text is not a valid one; never raises';

CREATE FUNCTION caredata.nhs_number_display(caredata.nhs_number) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_display';
COMMENT ON FUNCTION caredata.nhs_number_display(caredata.nhs_number) IS
	'NHS number for people to read: 3-3-4 with spaces, as ISB 0149 asks';

CREATE FUNCTION caredata.nhs_number_range(caredata.nhs_number) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_nhs_number_range';
COMMENT ON FUNCTION caredata.nhs_number_range(caredata.nhs_number) IS
	'Range the number lies in: england_wales_isle_of_man, scotland, northern_ireland, ireland, test, synthetic (999 upward), not_issued, unallocated, unreserved or spare';

-- Postcodes.

CREATE TYPE caredata.postcode;

CREATE FUNCTION caredata.postcode_in(cstring) RETURNS caredata.postcode
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_in';
COMMENT ON FUNCTION caredata.postcode_in(cstring) IS
	'Input of type postcode';

CREATE FUNCTION caredata.postcode_out(caredata.postcode) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_out';
COMMENT ON FUNCTION caredata.postcode_out(caredata.postcode) IS
	'Output of type postcode';

CREATE FUNCTION caredata.postcode_recv(internal) RETURNS caredata.postcode
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_recv';
COMMENT ON FUNCTION caredata.postcode_recv(internal) IS
	'Binary input of type postcode: the text';

CREATE FUNCTION caredata.postcode_send(caredata.postcode) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_send';
COMMENT ON FUNCTION caredata.postcode_send(caredata.postcode) IS
	'Binary output of type postcode: the text';

CREATE TYPE caredata.postcode (
	INPUT = caredata.postcode_in,
	OUTPUT = caredata.postcode_out,
	RECEIVE = caredata.postcode_recv,
	SEND = caredata.postcode_send,
	LIKE = pg_catalog.int8
);
COMMENT ON TYPE caredata.postcode IS
	'UK postcode of the right form, incl. GIR 0AA, BF1 and the pseudo postcodes ZZ99; written in capitals with one space; orders as its text in the C collation';

CREATE FUNCTION caredata.postcode_eq(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8eq';
COMMENT ON FUNCTION caredata.postcode_eq(caredata.postcode, caredata.postcode) IS
	'Implementation of the = operator';

CREATE FUNCTION caredata.postcode_ne(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8ne';
COMMENT ON FUNCTION caredata.postcode_ne(caredata.postcode, caredata.postcode) IS
	'Implementation of the <> operator';

CREATE FUNCTION caredata.postcode_lt(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8lt';
COMMENT ON FUNCTION caredata.postcode_lt(caredata.postcode, caredata.postcode) IS
	'Implementation of the < operator';

CREATE FUNCTION caredata.postcode_le(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8le';
COMMENT ON FUNCTION caredata.postcode_le(caredata.postcode, caredata.postcode) IS
	'Implementation of the <= operator';

CREATE FUNCTION caredata.postcode_gt(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8gt';
COMMENT ON FUNCTION caredata.postcode_gt(caredata.postcode, caredata.postcode) IS
	'Implementation of the > operator';

CREATE FUNCTION caredata.postcode_ge(caredata.postcode, caredata.postcode)
	RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8ge';
COMMENT ON FUNCTION caredata.postcode_ge(caredata.postcode, caredata.postcode) IS
	'Implementation of the >= operator';

CREATE FUNCTION caredata.postcode_cmp(caredata.postcode, caredata.postcode)
	RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'btint8cmp';
COMMENT ON FUNCTION caredata.postcode_cmp(caredata.postcode, caredata.postcode) IS
	'Order of two values, for B-tree indexes: negative, zero or positive';

CREATE FUNCTION caredata.postcode_hash(caredata.postcode) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'MODULE_PATHNAME', 'caredata_postcode_hash';
COMMENT ON FUNCTION caredata.postcode_hash(caredata.postcode) IS
	'Hash of a value, for hash indexes and joins';

CREATE FUNCTION caredata.postcode_hash_extended(caredata.postcode, bigint)
	RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'MODULE_PATHNAME', 'caredata_postcode_hash_extended';
COMMENT ON FUNCTION caredata.postcode_hash_extended(caredata.postcode, bigint) IS
	'64-bit hash of a value with a seed, for hash partitions';

CREATE FUNCTION caredata.postcode_larger(caredata.postcode, caredata.postcode)
	RETURNS caredata.postcode
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8larger';
COMMENT ON FUNCTION caredata.postcode_larger(caredata.postcode, caredata.postcode) IS
	'The greater of two values; step of max';

CREATE FUNCTION caredata.postcode_smaller(caredata.postcode, caredata.postcode)
	RETURNS caredata.postcode
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'int8smaller';
COMMENT ON FUNCTION caredata.postcode_smaller(caredata.postcode, caredata.postcode) IS
	'The lesser of two values; step of min';

CREATE OPERATOR caredata.= (
	FUNCTION = caredata.postcode_eq,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.=), NEGATOR = OPERATOR(caredata.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR caredata.= (caredata.postcode, caredata.postcode) IS
	'Equal';

CREATE OPERATOR caredata.<> (
	FUNCTION = caredata.postcode_ne,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.<>), NEGATOR = OPERATOR(caredata.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR caredata.<> (caredata.postcode, caredata.postcode) IS
	'Not equal';

CREATE OPERATOR caredata.< (
	FUNCTION = caredata.postcode_lt,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.>), NEGATOR = OPERATOR(caredata.>=),
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR caredata.< (caredata.postcode, caredata.postcode) IS
	'Less than';

CREATE OPERATOR caredata.<= (
	FUNCTION = caredata.postcode_le,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.>=), NEGATOR = OPERATOR(caredata.>),
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR caredata.<= (caredata.postcode, caredata.postcode) IS
	'Less than or equal';

CREATE OPERATOR caredata.> (
	FUNCTION = caredata.postcode_gt,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.<), NEGATOR = OPERATOR(caredata.<=),
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR caredata.> (caredata.postcode, caredata.postcode) IS
	'Greater than';

CREATE OPERATOR caredata.>= (
	FUNCTION = caredata.postcode_ge,
	LEFTARG = caredata.postcode, RIGHTARG = caredata.postcode,
	COMMUTATOR = OPERATOR(caredata.<=), NEGATOR = OPERATOR(caredata.<),
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR caredata.>= (caredata.postcode, caredata.postcode) IS
	'Greater than or equal';

CREATE OPERATOR FAMILY caredata.postcode_ops USING btree;
CREATE OPERATOR CLASS caredata.postcode_ops
	DEFAULT FOR TYPE caredata.postcode USING btree FAMILY caredata.postcode_ops AS
	OPERATOR 1 caredata.<,
	OPERATOR 2 caredata.<=,
	OPERATOR 3 caredata.=,
	OPERATOR 4 caredata.>=,
	OPERATOR 5 caredata.>,
	FUNCTION 1 caredata.postcode_cmp(caredata.postcode, caredata.postcode),
	FUNCTION 2 pg_catalog.btint8sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS caredata.postcode_ops USING btree IS
	'B-tree order of postcode';
COMMENT ON OPERATOR FAMILY caredata.postcode_ops USING btree IS
	'B-tree order of postcode';

CREATE OPERATOR FAMILY caredata.postcode_ops USING hash;
CREATE OPERATOR CLASS caredata.postcode_ops
	DEFAULT FOR TYPE caredata.postcode USING hash FAMILY caredata.postcode_ops AS
	OPERATOR 1 caredata.=,
	FUNCTION 1 caredata.postcode_hash(caredata.postcode),
	FUNCTION 2 caredata.postcode_hash_extended(caredata.postcode, bigint);
COMMENT ON OPERATOR CLASS caredata.postcode_ops USING hash IS
	'Equality of postcode for hash indexes and joins';
COMMENT ON OPERATOR FAMILY caredata.postcode_ops USING hash IS
	'Equality of postcode for hash indexes and joins';

CREATE AGGREGATE caredata.max(caredata.postcode) (
	SFUNC = caredata.postcode_larger, STYPE = caredata.postcode,
	COMBINEFUNC = caredata.postcode_larger,
	SORTOP = OPERATOR(caredata.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE caredata.max(caredata.postcode) IS
	'Greatest postcode of the rows';
CREATE AGGREGATE caredata.min(caredata.postcode) (
	SFUNC = caredata.postcode_smaller, STYPE = caredata.postcode,
	COMBINEFUNC = caredata.postcode_smaller,
	SORTOP = OPERATOR(caredata.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE caredata.min(caredata.postcode) IS
	'Least postcode of the rows';

CREATE CAST (text AS caredata.postcode) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.postcode AS text) WITH INOUT AS ASSIGNMENT;
CREATE CAST (varchar AS caredata.postcode) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.postcode AS varchar) WITH INOUT AS ASSIGNMENT;
CREATE CAST (bpchar AS caredata.postcode) WITH INOUT AS ASSIGNMENT;
CREATE CAST (caredata.postcode AS bpchar) WITH INOUT AS ASSIGNMENT;

CREATE FUNCTION caredata.try_postcode(text) RETURNS caredata.postcode
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_try_postcode';
COMMENT ON FUNCTION caredata.try_postcode(text) IS
	'Postcode from text, or NULL where the text is not one; never raises';

CREATE FUNCTION caredata.postcode_area(caredata.postcode) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_area';
COMMENT ON FUNCTION caredata.postcode_area(caredata.postcode) IS
	'Postcode area, the leading letters: CB of CB22 3AD';

CREATE FUNCTION caredata.postcode_district(caredata.postcode) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_district';
COMMENT ON FUNCTION caredata.postcode_district(caredata.postcode) IS
	'Postcode district, the outward part: CB22 of CB22 3AD';

CREATE FUNCTION caredata.postcode_sector(caredata.postcode) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_postcode_sector';
COMMENT ON FUNCTION caredata.postcode_sector(caredata.postcode) IS
	'Postcode sector, district and first inward digit: CB22 3 of CB22 3AD';

CREATE FUNCTION caredata.is_pseudo_postcode(caredata.postcode) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF
	AS 'MODULE_PATHNAME', 'caredata_is_pseudo_postcode';
COMMENT ON FUNCTION caredata.is_pseudo_postcode(caredata.postcode) IS
	'Whether the postcode is a pseudo postcode (ZZ99: no fixed abode, not known, a country), which must never be a link key';
