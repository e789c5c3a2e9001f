-- ---------------------------------------------------------------------------
-- Type clk: a Bloom filter of names, dates and so on, bit for bit one of
-- clkhash. A CLK is pseudonymised personal data, never anonymous;
-- docs/privacy-preserving-linkage.md has the flow between two parties, the
-- attacks, and what each way of hardening does about them.
-- ---------------------------------------------------------------------------

CREATE TYPE caredata.clk;

CREATE FUNCTION caredata.clk_in(cstring) RETURNS caredata.clk
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_in';
COMMENT ON FUNCTION caredata.clk_in(cstring) IS 'Input of type clk';

CREATE FUNCTION caredata.clk_out(caredata.clk) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_out';
COMMENT ON FUNCTION caredata.clk_out(caredata.clk) IS 'Output of type clk';

CREATE FUNCTION caredata.clk_recv(internal) RETURNS caredata.clk
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_recv';
COMMENT ON FUNCTION caredata.clk_recv(internal) IS 'Binary input of type clk';

CREATE FUNCTION caredata.clk_send(caredata.clk) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_send';
COMMENT ON FUNCTION caredata.clk_send(caredata.clk) IS 'Binary output of type clk';

-- The bits look random: compressing them would be in vain.
CREATE TYPE caredata.clk (
	INPUT = caredata.clk_in,
	OUTPUT = caredata.clk_out,
	RECEIVE = caredata.clk_recv,
	SEND = caredata.clk_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = external
);
COMMENT ON TYPE caredata.clk IS
	'Cryptographic long-term key of a record: 64 to 65536 bits, a multiple of 8, written in base64 as clkhash does; compared with dice(), and neither ordered nor equal';

CREATE FUNCTION caredata.clk(bytes bytea) RETURNS caredata.clk
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_from_bytea';
COMMENT ON FUNCTION caredata.clk(bytea) IS
	'A CLK from its bytes; bit 0 is the most significant of the first';

CREATE CAST (bytea AS caredata.clk) WITH FUNCTION caredata.clk(bytea);
COMMENT ON CAST (bytea AS caredata.clk) IS 'A CLK from its bytes; raises for a length that none has';
CREATE CAST (caredata.clk AS bytea) WITHOUT FUNCTION;
COMMENT ON CAST (caredata.clk AS bytea) IS 'The bytes of a CLK';

CREATE FUNCTION caredata.clk_bits(clk caredata.clk) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_bits';
COMMENT ON FUNCTION caredata.clk_bits(caredata.clk) IS 'Length of a CLK in bits';

CREATE FUNCTION caredata.clk_ones(clk caredata.clk) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_clk_ones';
COMMENT ON FUNCTION caredata.clk_ones(caredata.clk) IS
	'Bits of a CLK that are ones; clk_ones(c)::float8 / clk_bits(c) says how full it is';

CREATE FUNCTION caredata.dice(a caredata.clk, b caredata.clk) RETURNS double precision
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2
	AS 'MODULE_PATHNAME', 'caredata_dice_pair';
COMMENT ON FUNCTION caredata.dice(caredata.clk, caredata.clk) IS
	'Dice''s coefficient of two CLKs, 0 to 1: twice the ones in common, divided by the ones of both; 0 for two without ones. dice_join() compares whole tables';
