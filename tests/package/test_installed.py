#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what an administrator gets from the packages on a bare Debian 12 (tests/package/installed.sh runs this there):
 * an older version, a person enrolled, the upgrade: everybody still signs in, the store is of the new schema
 * units that systemd understands, started under their users with their sockets; doctor says what is left to do
 * ssh with password and code; the gateway on the loopback with the certificate that the installation made, at port 443
   too, without a capability; an application through the installed paths
 * the profiles of pam-auth-update, together and apart, beside sss, faillock and gnome-keyring; root at the console;
   snippets for single services; the module taken away
 * remove keeps the stores, purge leaves nothing
The cases build on each other, in their order (machine.py).
"""
import sys

import installed_packages as packages
import installed_services as services
import installed_signin as signin
from machine import walk

CASES = [packages.an_older_version_is_installed_and_used, packages.the_upgrade_keeps_everything,
         packages.the_module_needs_libpam_and_libc_alone, packages.every_unit_is_understood,
         services.everything_starts_and_doctor_says_what_is_left, services.the_gateway_answers_on_the_loopback_alone,
         services.the_gateway_binds_a_low_port_and_keeps_no_capability, services.an_application_signs_people_in,
         signin.before_a_profile_is_selected_nothing_has_changed, signin.the_code_profile_asks_behind_the_password,
         signin.root_at_the_console_needs_nothing_of_ours, signin.both_profiles_take_a_key_or_password_and_code,
         signin.the_account_is_asked_before_others_end_the_stack,
         signin.the_key_profile_alone_is_no_second_factor_and_doctor_says_so,
         signin.faillock_counts_passwords_beside_us, signin.the_examples_hold_for_one_service_each,
         packages.without_the_module_the_stacks_are_as_before, packages.removal_keeps_the_stores,
         packages.purging_leaves_nothing]

if __name__ == "__main__":
    sys.exit(walk(CASES))
