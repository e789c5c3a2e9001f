-- ---------------------------------------------------------------------------
-- Comparing CLKs of whole tables.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.dice_join(
	left_table  regclass,
	right_table regclass,
	threshold   double precision,
	top         integer DEFAULT NULL,
	left_id     name DEFAULT 'record_id',
	left_clk    name DEFAULT 'clk',
	right_id    name DEFAULT NULL,
	right_clk   name DEFAULT NULL,
	left_block  name DEFAULT NULL,
	right_block name DEFAULT NULL)
	RETURNS TABLE (left_record text, right_record text, dice double precision)
	LANGUAGE c STABLE PARALLEL UNSAFE COST 1000 ROWS 10000
	AS 'MODULE_PATHNAME', 'caredata_dice_join';
REVOKE ALL ON FUNCTION caredata.dice_join(regclass, regclass, double precision, integer, name, name, name, name, name, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.dice_join(regclass, regclass, double precision, integer, name, name, name, name, name, name) IS
	'Pairs of records of two tables, or of one with itself (right_table NULL), whose CLKs have at least so great a Dice coefficient; at most so many for each record of the left; where block columns are named, only pairs whose blocks are equal. Reads with the caller''s rights, in memory of a few times work_mem';

CREATE FUNCTION caredata.dice_kernels() RETURNS TABLE (kernel text, usable boolean, chosen boolean)
	LANGUAGE c STABLE PARALLEL SAFE ROWS 5
	AS 'MODULE_PATHNAME', 'caredata_dice_kernels';
COMMENT ON FUNCTION caredata.dice_kernels() IS
	'Ways in which dice_join() can count with this build, whether the server''s processor has the instructions, and which one is used';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.dice_join(regclass,regclass,double precision,integer,name,name,name,name,name,name)');
