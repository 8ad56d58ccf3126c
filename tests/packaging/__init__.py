# SPDX-License-Identifier: Apache-2.0
"""What is installed: the image, the chart, the packages, each judged and tried by real tools."""
