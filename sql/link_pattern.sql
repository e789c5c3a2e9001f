-- ---------------------------------------------------------------------------
-- Comparing two packed records: the levels that the comparisons of a model
-- reach, in one number, and the weight that they add up to. The code is in
-- src/link_pattern.c.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.link_pattern(model integer, left_record bytea, right_record bytea,
									  rules_before bigint, mirrored boolean)
	RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'caredata_link_pattern_of';
REVOKE ALL ON FUNCTION caredata.link_pattern(integer, bytea, bytea, bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_pattern(integer, bytea, bytea, bigint, boolean) IS
	'Levels that two packed records reach, in one number; NULL if one of the rules before, bit by bit, brings them together';

CREATE FUNCTION caredata.link_weight(model integer, pattern bigint, left_record bytea, right_record bytea)
	RETURNS double precision
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
	AS 'MODULE_PATHNAME', 'caredata_link_weight';
REVOKE ALL ON FUNCTION caredata.link_weight(integer, bigint, bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_weight(integer, bigint, bytea, bytea) IS
	'log2 of the odds that two packed records of this pattern are one person';

CREATE FUNCTION caredata.link_weight_parts(model integer, pattern bigint, left_record bytea,
										   right_record bytea)
	RETURNS double precision[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_weight_parts';
REVOKE ALL ON FUNCTION caredata.link_weight_parts(integer, bigint, bytea, bytea) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_weight_parts(integer, bigint, bytea, bytea) IS
	'What link_weight() adds up: each comparison, then the frequency of each, then the relationships';

CREATE FUNCTION caredata.link_levels(model integer, pattern bigint) RETURNS smallint[]
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'caredata_link_levels';
REVOKE ALL ON FUNCTION caredata.link_levels(integer, bigint) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_levels(integer, bigint) IS
	'Level that each comparison reached in a pattern; NULL where a value was missing';

CREATE FUNCTION caredata.link_probability(weight double precision) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN 1.0 / (1.0 + power(2.0::double precision, -weight));
REVOKE ALL ON FUNCTION caredata.link_probability(double precision) FROM PUBLIC;
COMMENT ON FUNCTION caredata.link_probability(double precision) IS
	'Probability of a weight, log2 of odds, from -1000 to 1000';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.link_pattern(integer, bytea, bytea, bigint, boolean)'),
	('caredata_linker', 'caredata.link_weight(integer, bigint, bytea, bytea)'),
	('caredata_linker', 'caredata.link_weight_parts(integer, bigint, bytea, bytea)'),
	('caredata_linker', 'caredata.link_levels(integer, bigint)'),
	('caredata_linker', 'caredata.link_probability(double precision)');
