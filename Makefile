# caredata: a linked care database inside PostgreSQL
#
#   make            build the library and the install script
#   make install    install them into the server that PG_CONFIG names
#   make installcheck   run the suites against a running server
#   make test       everything, on a private server of its own
#   make demo       the whole path on made-up data; make demo-stop ends it
#
# docs/developer.md lists the longer targets.

EXTENSION    = caredata
TOP         := $(dir $(lastword $(MAKEFILE_LIST)))
EXTVERSION  := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" \
	$(TOP)caredata.control)

MODULE_big = caredata
OBJS = \
	src/blake2b.o \
	src/caredata.o \
	src/catalog.o \
	src/check.o \
	src/clk.o \
	src/clk_date.o \
	src/clk_encode.o \
	src/clk_harden.o \
	src/clk_plan.o \
	src/clk_project.o \
	src/clk_schema.o \
	src/clk_text_parse.o \
	src/clk_value.o \
	src/cluster.o \
	src/cluster_pass.o \
	src/code_point.o \
	src/compat_digest.o \
	src/date_shift.o \
	src/dice_join.o \
	src/dice_store.o \
	src/domain_call.o \
	src/drop_gate.o \
	src/explain_gate.o \
	src/ff1.o \
	src/fellegi_sunter.o \
	src/field.o \
	src/field_message.o \
	src/field_parse.o \
	src/format_preserving.o \
	src/handle.o \
	src/key_file.o \
	src/keyring.o \
	src/linkkey.o \
	src/link_compare.o \
	src/link_layout.o \
	src/link_method.o \
	src/link_model.o \
	src/link_pack.o \
	src/link_pattern.o \
	src/link_record.o \
	src/link_train.o \
	src/master_command.o \
	src/master_command_parse.o \
	src/master_key.o \
	src/name_fold.o \
	src/name_standard.o \
	src/nhs_like.o \
	src/nhs_number.o \
	src/nhs_number_parse.o \
	src/one_way.o \
	src/phonetic.o \
	src/person_alias.o \
	src/phonetic_code.o \
	src/policy_first.o \
	src/popcount.o \
	src/postcode.o \
	src/postcode_parse.o \
	src/pseudonym.o \
	src/quota.o \
	src/release_gate.o \
	src/requester.o \
	src/resolve.o \
	src/salted_hash.o \
	src/secret.o \
	src/similarity.o \
	src/slk581.o \
	src/spelling.o \
	src/string_similarity.o \
	src/visible.o \
	src/visible_scan.o \
	src/wrap.o

# The install script is the concatenation of these, in dependency order: what
# a part needs while it is installed stands above it.  Bodies of PL/pgSQL
# functions, which are bound when they run, also call what stands below:
# lock_visible_sets() and the refreshes of visible.sql, for whoever changes what
# the sets rest on, and here and there something else.
SQL_PARTS = \
	sql/caredata.sql \
	sql/requester.sql \
	sql/identifier.sql \
	sql/field.sql \
	sql/similarity.sql \
	sql/phonetic.sql \
	sql/name_standard.sql \
	sql/spelling.sql \
	sql/handle.sql \
	sql/keyring.sql \
	sql/quota.sql \
	sql/pseudonym.sql \
	sql/repseudonymise.sql \
	sql/format_preserving.sql \
	sql/one_way.sql \
	sql/date_shift.sql \
	sql/secret.sql \
	sql/compat_digest.sql \
	sql/dataset.sql \
	sql/standard_dataset.sql \
	sql/reference.sql \
	sql/reference_practice.sql \
	sql/reference_area.sql \
	sql/reference_condition.sql \
	sql/code_list.sql \
	sql/care_database.sql \
	sql/objection.sql \
	sql/objection_rule.sql \
	sql/national_list.sql \
	sql/population.sql \
	sql/rollout.sql \
	sql/agreement.sql \
	sql/visible.sql \
	sql/objection_import.sql \
	sql/link_quality.sql \
	sql/cluster.sql \
	sql/differencing.sql \
	sql/release_draft.sql \
	sql/nhs_number_chain.sql \
	sql/linkage.sql \
	sql/linkkey.sql \
	sql/link_model.sql \
	sql/link_run.sql \
	sql/link_pattern.sql \
	sql/link_record.sql \
	sql/link_block.sql \
	sql/link_frequency.sql \
	sql/link_train.sql \
	sql/link.sql \
	sql/link_explain.sql \
	sql/link_template.sql \
	sql/load_run.sql \
	sql/load_field.sql \
	sql/person_fact.sql \
	sql/load.sql \
	sql/quarantine.sql \
	sql/person.sql \
	sql/nhs_number_change.sql \
	sql/identity_model.sql \
	sql/release.sql \
	sql/amendment.sql \
	sql/bar.sql \
	sql/visibility_report.sql \
	sql/link_authority.sql \
	sql/reidentification.sql \
	sql/clk.sql \
	sql/clk_schema.sql \
	sql/clk_project.sql \
	sql/dice_join.sql \
	sql/disclosure.sql \
	sql/check_server.sql \
	sql/check_role.sql \
	sql/check_table.sql \
	sql/check_release.sql \
	sql/check_key.sql \
	sql/check.sql

DATA        = $(wildcard sql/upgrade/$(EXTENSION)--*--*.sql)
DATA_built  = $(EXTENSION)--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(srcdir)/src -DCAREDATA_VERSION='"$(EXTVERSION)"'
SHLIB_LINK  = -lcrypto -lsodium

REGRESS        = $(sort $(basename $(notdir $(wildcard $(srcdir)/test/sql/*.sql))))
# pg_regress looks for sql/NAME.sql in its output directory first, and the
# install script's parts are in sql/
REGRESS_OPTS   = --inputdir=$(srcdir)/test --outputdir=$(srcdir)/test
ISOLATION      = $(sort $(basename $(notdir $(wildcard $(srcdir)/test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation
TAP_TESTS      = 1
PROVE_TESTS    = $(sort $(wildcard $(srcdir)/test/t/*.pl))

EXTRA_CLEAN = $(DATA_built) bench.jsonl quality.jsonl tmp_check output_iso \
	test/results test/regression.diffs test/regression.out

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
# The targets below install what they need; the others need it to be there.
all install installcheck clean:
	@echo "PostgreSQL's development files are missing: install" \
		"postgresql-server-dev-15 or later, or set PG_CONFIG" >&2; exit 1
endif

$(EXTENSION)--$(EXTVERSION).sql: $(addprefix $(srcdir)/,$(SQL_PARTS)) $(srcdir)/caredata.control
	cat $(addprefix $(srcdir)/,$(SQL_PARTS)) > $@

$(OBJS): $(wildcard $(srcdir)/src/*.h)

# A build outside the tree needs the directory of the object files.
ifdef VPATH
$(shell mkdir -p src)
endif

# What follows works on private servers, never on the one that PG_CONFIG names.
.PHONY: test properties pg-upgrade valgrind sanitize demo demo-stop bench quality matrix \
	fuzz core-regress long-test bench-large dist

test:
	$(TOP)test/run $(SUITES)

properties:
	CAREDATA_PROPERTY_IDS=10000000 PROVE_TESTS=test/t/015_properties.pl $(TOP)test/run tap

sanitize:
	CAREDATA_SANITIZE=address,undefined $(TOP)test/run regress isolation pgtap

# what touches memory by hand: keys, types, bitmaps, and who may see what
valgrind:
	CAREDATA_VALGRIND=yes CAREDATA_TEST_LIMIT=7200 \
	REGRESS="$${VALGRIND_TESTS:-keyring handle key_generation key_destruction \
		repseudonymise pseudonym one_way format_preserving date_shift \
		compat_digest quota link_authority reidentification nhs_number \
		postcode field visible visible_scan release}" $(TOP)test/run regress

demo:
	$(TOP)demo/run

demo-stop:
	$(TOP)demo/run --stop

bench:
	$(TOP)test/bench/run

quality:
	$(TOP)test/quality/run

# Row security over 50 million events: about 30 GB and two hours.
bench-large:
	BENCH_EVENTS=50000000 $(TOP)test/bench/run rls_aggregate_vs_unprotected \
		rls_aggregate_vs_floor_policy rls_count_vs_floor_policy \
		rls_aggregate_vs_floor_policy_2_workers rls_overhead_vs_best_usual_policy \
		rls_date_range_vs_unprotected rls_code_prefix_vs_unprotected pid_join_vs_integer_join pid_lookup_ms

matrix:
	$(TOP)test/matrix/run

pg-upgrade:
	$(TOP)test/upgrade/run

fuzz:
	$(TOP)test/fuzz/run

# The random tests of make test, as long as they are meant to be run.
long-test:
	CAREDATA_TEST_LIMIT=14400 CAREDATA_OPERATIONS=10000 CAREDATA_KILLS=50 \
		PROVE_TESTS="test/t/027_kill.pl test/t/028_random_operations.pl" $(TOP)test/run tap

core-regress:
	$(TOP)test/core/run

dist:
	git -C $(TOP). archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ \
		--output=$(CURDIR)/$(EXTENSION)-$(EXTVERSION).zip HEAD
