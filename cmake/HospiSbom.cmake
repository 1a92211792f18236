# SPDX-License-Identifier: Apache-2.0
# The target sbom: the bill of materials of everything that `cmake --install` would put on this machine, in
# hospiconnect.cdx.json (docs/adr/0061-bill-of-materials.md). Debian packages have one each, made by debian/rules.
find_program(HC_DPKG_QUERY dpkg-query)
find_program(HC_PYTHON python3)
set(HC_SBOM ${CMAKE_BINARY_DIR}/hospiconnect.cdx.json)
if(HC_DPKG_QUERY AND HC_PYTHON)
	add_custom_target(sbom
		COMMAND ${CMAKE_COMMAND} -E rm -rf ${CMAKE_BINARY_DIR}/sbom-tree
		COMMAND ${CMAKE_COMMAND} -E env DESTDIR=${CMAKE_BINARY_DIR}/sbom-tree ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR}
		COMMAND ${HC_PYTHON} -B ${CMAKE_SOURCE_DIR}/tools/sbom.py --tree ${CMAKE_BINARY_DIR}/sbom-tree
			--name hospiconnect --version ${PROJECT_VERSION} --arch ${CMAKE_SYSTEM_PROCESSOR}
			--multiarch ${CMAKE_LIBRARY_ARCHITECTURE} --built-with ${CMAKE_C_COMPILER} --into ${HC_SBOM}
		COMMAND ${CMAKE_COMMAND} -E rm -rf ${CMAKE_BINARY_DIR}/sbom-tree
		COMMAND ${CMAKE_COMMAND} -E echo "${HC_SBOM}"
		VERBATIM)
else()
	add_custom_target(sbom
		COMMAND ${CMAKE_COMMAND} -E echo "A bill of materials needs python3, and dpkg-query to say whose the libraries are."
		COMMAND ${CMAKE_COMMAND} -E false)
endif()
