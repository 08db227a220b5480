@echo off
rem Makes .venv in this folder, with what pyproject.toml asks for: the environment of the code modules.
rem Give the Python to make it with, one that the installed TestStand supports: setup.bat "py -3.10"
setlocal
set "here=%~dp0"
set "reference=%here%..\..\reference_impl\session_reference"
set "python=%~1"
if not defined python set "python=py -3"
%python% -m venv "%here%.venv" || exit /b 1
"%here%.venv\Scripts\python.exe" -m pip --disable-pip-version-check install --quiet "%reference%\custom_instrument" "%reference%\file_logger" "%here%."
exit /b %errorlevel%
